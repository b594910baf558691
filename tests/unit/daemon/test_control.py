"""The control plane: requests side by side, and an end for who breaks the protocol."""

import os
import socket

import msgpack
import pytest

from teed.accounts import NAMES
from teed.control.connection import MAX_OUTSTANDING
from teed_protocol.codes import Result
from teed_protocol.messages import MAX_MESSAGE, Notification, Request, Response, encode

from .conftest import Serve
from .fakes import FakeDriver
from .house import House
from .raw import UUID, RawClient, Witness


@pytest.mark.parametrize("method", ["invoke", "", "\0" * 60_000, "\U0001f512" * 15_000])
async def test_an_unknown_method_is_an_error_and_the_connection_lives_on(
    client: RawClient, method: str
) -> None:
    error = (await client.call(method)).error
    assert error is not None
    assert (error.code, error.reason) == (Result.ERROR_NOT_IMPLEMENTED, "unknown-method")
    assert await client.result("status")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("allocate", []),
        ("allocate", [-1]),
        ("allocate", [2**64 - 1, 1]),
        ("allocate", ["4096"]),
        ("register", [4096]),  # and no descriptor
        ("release", [None]),
        ("open", [bytes(15), 0, None, []]),
        ("open", [UUID, 0, None, [[5, 0, 0]]]),
        ("open", [UUID, 0, None, [[0, 0, 0, 0]] * 5]),
        ("open", [UUID, 0, None, [], 7]),
        ("close", [True]),
        ("cancel", [1]),
        ("status", [1]),
    ],
)
async def test_malformed_parameters_are_the_end_of_that_client_alone(
    house: House, client: RawClient, other: RawClient, method: str, params: list[object]
) -> None:
    await client.ask(method, *params)
    assert await client.goodbye() == "malformed"
    await house.until(lambda: house.daemon.accounts.total("clients") == 1)
    assert (await other.result("status"))["clients"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"\xc1",
        b"hello",
        encode(Notification("status", [])),
        encode(Response(1, None, None)),
        msgpack.packb([0, 1, "status"]),
        msgpack.packb([0, 2**32, "status", []]),
        bytes(MAX_MESSAGE + 1),
        bytes(150_000),
    ],
    ids=lambda body: f"{body[:12]!r}",
)
async def test_what_is_no_request_is_the_end_of_that_client_alone(
    client: RawClient, other: RawClient, body: bytes
) -> None:
    await client.send(body)
    assert await client.goodbye() == "malformed"
    assert await other.result("status")


async def test_goodbye_says_what_was_wrong(client: RawClient) -> None:
    await client.ask("release", "seven")
    message = await client.receive()
    assert isinstance(message, Notification)
    assert message.params == [
        Result.ERROR_BAD_FORMAT,
        2,
        "malformed",
        "buffer: not an unsigned number below 0x100000000",
    ]


async def test_the_longest_message_is_served(client: RawClient) -> None:
    assert await client.reason("x" * (MAX_MESSAGE - 8)) == "unknown-method"


async def test_an_empty_packet_is_the_end(house: House, client: RawClient) -> None:
    await client.send(b"")
    assert await client.is_closed()
    await house.empty()


# -- descriptors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "params"),
    [("status", []), ("allocate", [0]), ("release", [9]), ("close", [9]), ("sing", [])],
)
async def test_a_descriptor_where_none_belongs_is_closed(
    client: RawClient, witness: Witness, method: str, params: list[object]
) -> None:
    await client.call(method, *params, fds=[witness.fd])
    await witness.is_closed()
    assert await client.result("status")


@pytest.mark.parametrize("count", [2, 3, 100, 253])
async def test_more_than_one_descriptor_is_refused_and_all_are_closed(
    client: RawClient, other: RawClient, witness: Witness, count: int
) -> None:
    await client.ask("status", fds=[witness.fd] * count)
    assert await client.goodbye() == "malformed"
    await witness.is_closed()
    assert await other.result("status")


async def test_a_descriptor_that_comes_with_garbage_is_closed(
    client: RawClient, witness: Witness
) -> None:
    await client.send(b"\xc1", [witness.fd])
    assert await client.goodbye() == "malformed"
    await witness.is_closed()


async def test_a_descriptor_that_comes_with_malformed_parameters_is_closed(
    client: RawClient, witness: Witness
) -> None:
    await client.ask("register", "much", fds=[witness.fd])
    assert await client.goodbye() == "malformed"
    await witness.is_closed()


async def test_a_descriptor_that_comes_with_an_empty_packet_is_closed(
    client: RawClient, witness: Witness
) -> None:
    await client.send(b"", [witness.fd])
    await witness.is_closed()


# -- requests side by side -----------------------------------------------------------------


async def _fill(client: RawClient, driver: FakeDriver) -> list[int]:
    """As many requests as may be outstanding; all wait for the TEE."""
    driver.hold("open_session")
    numbers = [
        await client.ask("open", UUID, 0, None, [], "shared") for _ in range(MAX_OUTSTANDING)
    ]
    await driver.entered()
    return numbers


async def test_one_request_more_than_may_be_outstanding_is_busy(
    client: RawClient, other: RawClient, driver: FakeDriver, witness: Witness
) -> None:
    numbers = await _fill(client, driver)
    error = (await client.call("status", fds=[witness.fd])).error
    assert error is not None
    assert (error.code, error.reason) == (Result.ERROR_BUSY, "busy")
    await witness.is_closed()
    assert await other.result("status")

    driver.let_go()
    for number in numbers:
        assert (await client.answer(number)).result[0] == 0
    assert await client.result("status")


async def test_requests_are_answered_as_they_are_done_and_not_in_order(
    client: RawClient, driver: FakeDriver
) -> None:
    driver.hold("open_session")
    slow = await client.ask("open", UUID, 0, None, [])
    await driver.entered()
    assert await client.result("status")
    driver.let_go()
    assert (await client.answer(slow)).result[0] == 0


async def test_who_does_not_read_answers_is_not_read_from(
    client: RawClient, other: RawClient
) -> None:
    body = encode(Request(1, "x" * 50_000, []))
    refused = 0
    with socket.socket(fileno=os.dup(client.socket.fileno())) as unread:
        for _ in range(10_000):
            try:
                unread.send(body)
            except BlockingIOError:
                refused += 1
            if refused == 20:
                break
            assert await other.result("status")  # teed is awake, and reads what it likes
    assert refused == 20


# -- limits, and who may see what ----------------------------------------------------------


async def test_a_user_may_have_so_many_connections_and_no_more(serve: Serve) -> None:
    house = await serve(limits={"clients": 2})
    first, _ = await house.client(), await house.client()
    third = await house.connect()
    assert await third.goodbye() == "limit"
    first.close()
    await house.until(lambda: house.daemon.accounts.total("clients") == 1)
    await house.client()


async def test_status_tells_what_the_user_has(house: House, client: RawClient) -> None:
    await client.open()
    await client.open("shared")
    another = await house.client()
    await another.open("shared")
    await another.allocate(5000)
    status = await client.result("status")
    own = {
        name: status[name] for name in ("clients", "sessions", "channels", "buffers", "bytes")
    }
    assert own == {"clients": 2, "sessions": 2, "channels": 3, "buffers": 1, "bytes": 8192}


async def test_status_tells_the_daemon_s_own_user_all_about_the_daemon(
    client: RawClient,
) -> None:
    _, channel = await client.open()
    for number in range(3):
        await channel.invoke(number)
    status = await client.result("status")
    assert set(status) == {
        *(f"{whose}{name}" for whose in ("", "total_") for name in NAMES),
        "stock_buffers",
        "threads",
        "descriptors",
        "openings",
        "invocations",
    }
    assert (status["openings"], status["invocations"]) == (1, 3)
    assert status["total_channels"] == 1
