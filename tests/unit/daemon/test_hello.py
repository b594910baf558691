"""The first request is hello, and it comes in time."""

import select

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from teed.control.connection import HELLO_SECONDS
from teed_protocol.codes import Result
from teed_protocol.messages import Request, encode

from .conftest import Serve
from .house import House
from .raw import RawClient, Witness


async def test_hello_tells_what_the_tee_can_do(house: House) -> None:
    client = await house.connect()
    welcome = await client.hello()
    assert welcome == [1, "teed 0.1.0", "fake", 7, 0, 13, 65536]


@pytest.mark.parametrize("versions", [[1], [2, 1], [1, 2**32 - 1]])
async def test_one_common_version_is_enough(house: House, versions: list[int]) -> None:
    client = await house.connect()
    assert (await client.result("hello", versions, "raw"))[0] == 1


@pytest.mark.parametrize("versions", [[], [0], [2, 3]])
async def test_without_a_common_version_teed_hangs_up(
    house: House, versions: list[int]
) -> None:
    client = await house.connect()
    response = await client.call("hello", versions, "raw")
    assert response.error is not None
    assert (response.error.code, response.error.reason) == (
        Result.ERROR_NOT_SUPPORTED,
        "version",
    )
    assert await client.goodbye() == "version"


@pytest.mark.parametrize("method", ["allocate", "status", "invoke", "goodbye", "\0" * 60_000])
async def test_nothing_comes_before_hello(house: House, method: str) -> None:
    client = await house.connect()
    assert await client.reason(method, 4096) == "version"
    assert await client.goodbye() == "version"


@pytest.mark.parametrize(
    "params", [[], [1, "raw"], [[1]], [[1], 7], [[1], b"raw"], [["1"], "raw"], [[1], "raw", 0]]
)
async def test_a_malformed_hello_is_answered_with_goodbye(
    house: House, params: list[object]
) -> None:
    client = await house.connect()
    await client.ask("hello", *params)
    assert await client.goodbye() == "malformed"


async def test_who_says_nothing_is_hung_up_on(house: House, mock_clock: MockClock) -> None:
    silent = await house.connect()
    await wait_all_tasks_blocked(0.01)
    mock_clock.jump(HELLO_SECONDS)
    assert await silent.goodbye() == "malformed"
    await house.empty()


async def test_who_has_said_hello_may_be_silent(house: House, mock_clock: MockClock) -> None:
    client = await house.connect()
    await wait_all_tasks_blocked(0.01)
    mock_clock.jump(HELLO_SECONDS - 0.5)
    await client.hello()
    await wait_all_tasks_blocked(0.01)
    mock_clock.jump(10 * HELLO_SECONDS)
    await wait_all_tasks_blocked(0.01)
    assert await client.result("status")


async def test_who_is_refused_at_the_door_is_told_why_whatever_it_has_said(
    serve: Serve,
) -> None:
    house = await serve(limits={"clients": 0})
    hello = encode(Request(1, "hello", [[1], "raw"]))
    client = house.hasty(hello)
    await house.until(lambda: _is_hung_up_on(client))
    assert await client.goodbye() == "limit"


def _is_hung_up_on(client: RawClient) -> bool:
    poll = select.poll()
    poll.register(client.socket.fileno(), 0)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


async def test_hello_is_said_once(client: RawClient) -> None:
    assert await client.reason("hello", [1], "raw") == "unknown-method"


async def test_a_descriptor_that_comes_with_hello_is_closed(
    house: House, witness: Witness
) -> None:
    client = await house.connect()
    await client.result("hello", [1], "raw", fds=[witness.fd])
    await witness.is_closed()


async def test_who_connects_and_vanishes_leaves_nothing(house: House) -> None:
    for _ in range(5):
        (await house.connect()).close()
    await house.empty()
