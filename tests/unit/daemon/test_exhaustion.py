"""When descriptors run out, requests are refused; the daemon and its clients live on."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

from teed_protocol.codes import Result

from .house import House
from .raw import UUID, RawClient


@contextmanager
def _none_left(spare: int = 0) -> Iterator[None]:
    """A process that has *spare* descriptors to go."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    fillers: list[int] = []
    try:
        _fill(fillers)
        for _ in range(spare):
            os.close(fillers.pop())
        yield
    finally:
        for fd in fillers:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _fill(fillers: list[int]) -> None:
    while True:
        try:
            fillers.append(os.dup(0))
        except OSError:
            return


async def _stocked(house: House) -> None:
    await house.until(lambda: len(house.daemon.stock) == 8)


async def _refused(client: RawClient, method: str, *params: object) -> None:
    error = (await client.call(method, *params)).error
    assert error is not None
    assert (error.code, error.reason) == (Result.ERROR_OUT_OF_MEMORY, "limit")
    assert "descriptors" in error.text


async def test_a_session_without_a_channel_is_closed_again(
    house: House, client: RawClient
) -> None:
    await _stocked(house)
    for spare in (0, 1):
        with _none_left(spare):
            await _refused(client, "open", UUID, 0, None, [])
    await house.until(lambda: house.daemon.accounts.total("sessions") == 0)
    assert house.daemon.accounts.total("channels") == 0
    await client.open()


async def test_a_buffer_that_cannot_be_handed_over_is_destroyed(
    house: House, client: RawClient
) -> None:
    await _stocked(house)
    with _none_left():
        await _refused(client, "allocate", 4096)  # from stock
        await _refused(client, "allocate", 5000)
    assert house.daemon.accounts.total("bytes") == 0
    await client.allocate()


async def test_status_is_told_without_a_descriptor_to_count_them(
    house: House, client: RawClient
) -> None:
    await _stocked(house)
    with _none_left():
        await _refused(client, "status")
    assert await client.result("status")
