"""A client that vanishes, at whatever moment, leaves nothing; and neither does the daemon."""

import os
import signal
from collections.abc import Awaitable, Callable

import pytest
import trio

from teed.driver.interface import Answer
from teed.memory.memfd import make_memfd
from teed_protocol.codes import Origin, Result

from .conftest import Serve
from .fakes import FakeDriver
from .house import House
from .raw import UUID, RawClient

Stage = Callable[[RawClient, FakeDriver], Awaitable[None]]


async def _says_nothing(client: RawClient, driver: FakeDriver) -> None:
    pass


async def _says_hello(client: RawClient, driver: FakeDriver) -> None:
    await client.hello()


async def _does_not_wait_for_hello(client: RawClient, driver: FakeDriver) -> None:
    await client.ask("hello", [1], "raw")


async def _has_memory(client: RawClient, driver: FakeDriver) -> None:
    await client.hello()
    for size in (0, 5000, 65536):
        await client.allocate(size)


async def _does_not_wait_for_memory(client: RawClient, driver: FakeDriver) -> None:
    await client.hello()
    for _ in range(20):
        await client.ask("allocate", 4096)


async def _does_not_wait_for_a_registration(client: RawClient, driver: FakeDriver) -> None:
    await client.hello()
    fd = make_memfd(4096)
    for _ in range(20):
        await client.ask("register", 4096, fds=[fd])
    os.close(fd)


async def _does_not_wait_for_a_release(client: RawClient, driver: FakeDriver) -> None:
    await client.hello()
    buffers = [await client.allocate() for _ in range(10)]
    for buffer in buffers:
        await client.ask("release", buffer)


async def _opens(client: RawClient, driver: FakeDriver) -> None:
    await client.hello()
    driver.hold("open_session")
    await client.ask("open", UUID, 0, None, [])
    await driver.entered()


async def _opens_with_others_in_line(client: RawClient, driver: FakeDriver) -> None:
    await _opens(client, driver)
    for name in ("a", "a", None):
        await client.ask("open", UUID, 0, None, [], name)


async def _has_sessions(client: RawClient, driver: FakeDriver) -> None:
    await client.hello()
    for name in (None, "a", "a"):
        await client.open(name)


async def _does_not_take_its_channels(client: RawClient, driver: FakeDriver) -> None:
    await client.hello()
    for name in (None, "a", "a"):
        await client.ask("open", UUID, 0, None, [], name)


async def _does_not_wait_for_a_close(client: RawClient, driver: FakeDriver) -> None:
    await _has_sessions(client, driver)
    driver.hold("close_session")
    for number in (1, 2, 3):
        await client.ask("close", number)
    await driver.entered()


async def _invokes(client: RawClient, driver: FakeDriver) -> None:
    await client.hello()
    buffer = await client.allocate()
    driver.hold("invoke")
    channels = [(await client.open(name))[1] for name in (None, "a", "a")]
    for channel in channels:
        await channel.ask(1, 0, [[7, 0, 4096, buffer]])
    await driver.entered()


async def _cancels(client: RawClient, driver: FakeDriver) -> None:
    await _invokes(client, driver)
    driver.hold("cancel")
    for number in (1, 2, 3):
        await client.ask("cancel", number, 1)


async def _hangs_up_its_channels(client: RawClient, driver: FakeDriver) -> None:
    await _invokes(client, driver)
    for channel in client.channels:
        channel.close()


async def _breaks_the_protocol(client: RawClient, driver: FakeDriver) -> None:
    await _invokes(client, driver)
    await client.send(b"\xc1")


STAGES: list[Stage] = [
    _says_nothing,
    _says_hello,
    _does_not_wait_for_hello,
    _has_memory,
    _does_not_wait_for_memory,
    _does_not_wait_for_a_registration,
    _does_not_wait_for_a_release,
    _opens,
    _opens_with_others_in_line,
    _has_sessions,
    _does_not_take_its_channels,
    _does_not_wait_for_a_close,
    _invokes,
    _cancels,
    _hangs_up_its_channels,
    _breaks_the_protocol,
]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__[1:])
@pytest.mark.parametrize("threads", [2, 4], ids=["one worker", "three workers"])
async def test_a_vanished_client_leaves_nothing(
    serve: Serve, driver: FakeDriver, stage: Stage, threads: int
) -> None:
    house = await serve(tee={"secure_threads": threads}, stock={"small": 1, "arena": 0})
    client, other = await house.connect(), await house.client()
    await stage(client, driver)
    client.close()
    assert (await other.result("status"))["clients"] >= 1
    driver.let_go()
    await house.until(lambda: house.daemon.accounts.total("clients") == 1)
    for name in ("sessions", "channels", "buffers", "bytes"):
        await house.until(lambda name=name: house.daemon.accounts.total(name) == 0)
    assert driver.sessions == set()
    assert len(driver.memories) <= 1  # what is in stock
    _, channel = await other.open()
    assert (await channel.invoke(1)).error is None


async def test_what_a_vanished_client_runs_is_cancelled_before_its_session_closes(
    house: House, client: RawClient, driver: FakeDriver
) -> None:
    _, channel = await client.open()
    driver.hold("invoke")
    await channel.ask(5)
    running = await driver.entered()
    (session,) = driver.sessions
    client.close()
    await house.until(lambda: driver.called("cancel") == [[session, 5]])
    assert driver.sessions == {session}
    running.finish(Answer(Result.ERROR_CANCEL, Origin.TRUSTED_APP, []))
    await house.empty()
    assert driver.sessions == set()


async def test_what_a_vanished_client_has_in_line_never_enters_the_tee(
    house: House, client: RawClient, other: RawClient, driver: FakeDriver
) -> None:
    _, mine = await client.open()
    _, theirs = await other.open()
    driver.hold("invoke")
    await theirs.ask(1)
    running = await driver.entered()
    await mine.ask(2)
    client.close()
    await house.until(lambda: house.daemon.accounts.total("channels") == 1)
    running.finish()
    await theirs.answer()
    await house.until(lambda: house.daemon.accounts.total("clients") == 1)
    assert len(driver.called("invoke")) == 1


async def test_an_opening_in_line_ends_with_its_client_and_does_not_keep_it(
    house: House, client: RawClient, other: RawClient, driver: FakeDriver
) -> None:
    _, theirs = await other.open()
    driver.hold("invoke")
    await theirs.ask(1)
    running = await driver.entered()
    await client.ask("open", UUID, 0, None, [])
    await client.result("status")
    client.close()
    await house.until(lambda: house.daemon.accounts.total("clients") == 1)
    running.finish()
    await theirs.answer()
    assert len(driver.called("open_session")) == 1


async def test_a_sharer_s_end_takes_the_session_from_nobody(
    house: House, client: RawClient, other: RawClient, driver: FakeDriver
) -> None:
    driver.hold("open_session")
    await client.ask("open", UUID, 0, None, [], "name")
    held = await driver.entered()
    joining = await other.ask("open", UUID, 0, None, [], "name")
    await other.result("status")
    client.close()
    held.finish()
    assert (await other.answer(joining)).result[0] == 0
    assert (await other.take_channel().invoke(1)).error is None
    assert len(driver.called("open_session")) == 1


# -- the end of the daemon -----------------------------------------------------------------


async def test_a_daemon_that_stops_says_goodbye(
    house: House, client: RawClient, other: RawClient
) -> None:
    await client.open("name")
    await house.stop()
    assert await client.goodbye() == "shutdown"
    assert await other.goodbye() == "shutdown"


async def test_a_daemon_that_stops_cancels_what_runs_and_waits_for_it(
    house: House, client: RawClient, driver: FakeDriver
) -> None:
    _, channel = await client.open()
    driver.hold("invoke")
    await channel.ask(5)
    running = await driver.entered()
    signal.raise_signal(signal.SIGINT)
    assert await client.goodbye() == "shutdown"
    await house.until(lambda: bool(driver.called("cancel")))
    running.finish()
    with trio.fail_after(10):
        await house.gone.wait()
    assert driver.sessions == set()
    assert driver.memories == {}
