"""When the system has no thread or no descriptor left, requests fail and the daemon lives."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio

from .fakes import PATIENCE
from .house import House
from .raw import RawClient


@contextmanager
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where the number of tasks is limited, and reached."""

    def refuse(*arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("trio._threads.start_thread_soon", refuse)
        yield


@contextmanager
def few_descriptors() -> Iterator[None]:
    """A limit that leaves some, but none for what lasts."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * lowest, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_without_threads_what_needs_one_is_refused(
    house: House, client: RawClient, other: RawClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = await client.allocate()
    with no_threads(monkeypatch):
        assert await client.reason("allocate", 1 << 20) == "limit"
        assert await client.reason("release", buffer) == "limit"
        assert (await other.result("status"))["buffers"] == 1
    await client.result("release", buffer)


async def test_without_threads_a_client_is_cleared_away_later(
    house: House,
    other: RawClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = await house.client()
    await client.allocate()
    with no_threads(monkeypatch):
        client.close()
        while "what has to be cleared away waits" not in caplog.text:
            await other.result("status")
        assert house.daemon.accounts.total("buffers") == 1
    await house.until(lambda: house.daemon.accounts.total("buffers") == 0)


async def test_without_descriptors_nothing_that_lasts_is_made(
    house: House, client: RawClient, other: RawClient
) -> None:
    await other.open("shared")
    await house.until(lambda: len(house.daemon.stock) > 1)
    with few_descriptors():
        assert await client.reason("allocate", 4096) == "limit"
        assert await client.reason("open", bytes(16), 0, None, [], None) == "limit"
        assert (await client.result("status"))["channels"] == 1
        waiting = await house.connect()
        with trio.move_on_after(0.2) as unheard:
            await waiting.hello()
        assert unheard.cancelled_caught
    with trio.fail_after(PATIENCE):
        await client.allocate()
