"""A client's sessions, as the wire shows them: open, invoke, share, cancel, close."""

import pytest
import trio

from teed.driver.interface import Answer
from teed_protocol.codes import Origin, Result

from .conftest import Serve
from .fakes import FakeDriver
from .house import House
from .raw import UUID, RawChannel, RawClient

INOUT = 3


async def test_a_session_is_opened_used_and_closed(
    client: RawClient, driver: FakeDriver
) -> None:
    answer = await client.result("open", UUID, 0, None, [[INOUT, 1, 2, 0]], None)
    assert answer == [0, Origin.TRUSTED_APP, [[INOUT, 1, 2, 0]], 1]
    channel = client.take_channel()
    assert (await channel.invoke(7, 3, [])).result == [0, Origin.TRUSTED_APP, []]
    assert await client.result("close", 1) is None
    assert driver.sessions == set()
    assert await channel.is_closed()
    assert await client.reason("close", 1) == "bad-session"
    assert await client.reason("cancel", 1, 7) == "bad-session"


async def test_a_session_that_the_tee_refuses_has_no_channel(
    client: RawClient, driver: FakeDriver
) -> None:
    driver.on_open = lambda opening: Answer(0xFFFF000D, Origin.TEE, [(INOUT, 5, 6, 0)])
    assert await client.result("open", UUID, 0, None, [[INOUT, 1, 2, 0]]) == [
        0xFFFF000D,
        Origin.TEE,
        [[INOUT, 5, 6, 0]],
        None,
    ]
    assert client.fds == []
    status = await client.result("status")
    assert (status["sessions"], status["channels"], status["openings"]) == (0, 0, 0)


async def test_an_opening_that_the_driver_refuses_is_an_error(
    client: RawClient, driver: FakeDriver
) -> None:
    driver.fail["open_session"] = OSError(22, "Invalid argument")
    error = (await client.call("open", UUID, 0, None, [])).error
    assert error is not None
    assert (error.code, error.reason) == (Result.ERROR_BAD_PARAMETERS, "driver")


@pytest.mark.parametrize(
    ("login", "group", "reason"),
    [(3, None, "bad-login"), (2, None, "bad-login"), (2, 4_000_000, "denied")],
)
async def test_a_login_that_is_not_the_client_s_never_reaches_the_tee(
    client: RawClient, driver: FakeDriver, login: int, group: int | None, reason: str
) -> None:
    assert await client.reason("open", UUID, login, group, []) == reason
    assert driver.called("open_session") == []


async def test_an_opening_sees_the_client_s_buffers(
    client: RawClient, driver: FakeDriver
) -> None:
    buffer = await client.allocate()
    answer = await client.result("open", UUID, 0, None, [[7, 8, 16, buffer]])
    client.take_channel()
    assert answer[2] == [[7, 8, 16, buffer]]
    ((opening,),) = driver.called("open_session")
    assert opening.parameters[0].c in driver.memories
    assert await client.reason("open", UUID, 0, None, [[7, 0, 1, 99]]) == "bad-buffer"


async def test_who_joins_gets_a_channel_of_its_own_and_its_parameters_back(
    client: RawClient, other: RawClient, driver: FakeDriver
) -> None:
    driver.on_open = lambda opening: Answer(0, 4, [(INOUT, 9, 9, 0)], 77)
    driver.sessions.add(77)
    first = await client.result("open", UUID, 0, None, [[INOUT, 1, 2, 0]], "name")
    joined = await other.result("open", UUID, 0, None, [[INOUT, 3, 4, 0]], "name")
    assert first[2:] == [[[INOUT, 9, 9, 0]], 1]
    assert joined == [0, 4, [[INOUT, 3, 4, 0]], 1]
    mine, theirs = client.take_channel(), other.take_channel()
    await mine.invoke(1)
    await theirs.invoke(1)
    assert {session for session, *_ in driver.called("invoke")} == {77}

    assert await client.result("close", 1) is None
    assert (await theirs.invoke(2)).error is None
    await other.result("close", 1)
    assert driver.sessions == set()


async def test_a_shared_name_means_one_login(client: RawClient, other: RawClient) -> None:
    await client.open("name")
    assert await other.reason("open", UUID, 1, None, [], "name") == "share"


async def test_a_session_whose_application_died_is_replaced_for_who_comes_next(
    client: RawClient, other: RawClient, driver: FakeDriver
) -> None:
    _, channel = await client.open("name")
    driver.on_invoke = lambda *call: Answer(Result.ERROR_TARGET_DEAD, Origin.TEE, [])
    assert (await channel.invoke(1)).result[0] == Result.ERROR_TARGET_DEAD
    driver.on_invoke = lambda *call: None
    _, fresh = await other.open("name")
    assert (await fresh.invoke(1)).result[0] == 0
    assert len(driver.sessions) == 2


@pytest.mark.parametrize("name", ["sessions", "channels"])
async def test_a_user_s_sessions_and_channels_are_limited(serve: Serve, name: str) -> None:
    house = await serve(limits={name: 1})
    first, second = await house.client(), await house.client()
    number, _ = await first.open()
    assert await second.reason("open", UUID, 0, None, []) == "limit"
    await first.result("close", number)
    await house.until(lambda: house.daemon.accounts.total(name) == 0)
    await second.open()


# -- cancelling ----------------------------------------------------------------------------


async def test_what_runs_is_asked_to_stop(client: RawClient, driver: FakeDriver) -> None:
    number, channel = await client.open()
    driver.hold("invoke")
    await channel.ask(5)
    running = await driver.entered()
    assert await client.result("cancel", number, 5) == "requested"
    assert driver.called("cancel") == [[running.arguments[0], 5]]
    running.finish(Answer(Result.ERROR_CANCEL, Origin.TRUSTED_APP, []))
    assert (await channel.answer()).result[0] == Result.ERROR_CANCEL


async def test_what_waits_is_withdrawn(
    client: RawClient, other: RawClient, driver: FakeDriver
) -> None:
    _, busy = await other.open()
    number, channel = await client.open()
    driver.hold("invoke")
    await busy.ask(1)
    running = await driver.entered()
    await channel.ask(5)
    assert await client.result("cancel", number, 4) == "not-found"
    assert await client.result("cancel", number, 5) == "withdrawn"
    error = (await channel.answer()).error
    assert error is not None
    assert (error.code, error.reason) == (Result.ERROR_CANCEL, "cancelled")
    running.finish()
    assert driver.called("cancel") == []


async def test_what_is_over_or_never_was_is_not_found(
    client: RawClient, driver: FakeDriver
) -> None:
    number, channel = await client.open()
    await channel.invoke(5)
    for request in (5, 6):
        assert await client.result("cancel", number, request) == "not-found"
    assert await client.result("cancel", None, 99) == "not-found"
    assert driver.called("cancel") == []


async def test_a_cancellation_that_comes_too_late_hits_nobody(
    house: House, client: RawClient, driver: FakeDriver
) -> None:
    """OP-TEE would keep it for the session's next call, which may be somebody else's."""
    number, channel = await client.open()
    driver.hold("invoke", "cancel")
    await channel.ask(5)
    running = await driver.entered()
    first = await client.ask("cancel", number, 5)
    cancelling = await driver.entered()  # so that the next cancellation has to wait
    second = await client.ask("cancel", number, 5)
    await client.result("status")
    running.finish()
    assert (await channel.answer()).error is None
    cancelling.finish()
    assert (await client.answer(first)).result == "requested"
    assert (await client.answer(second)).result == "not-found"
    assert len(driver.called("cancel")) == 1
    driver.let_go()


async def test_an_opening_that_waits_is_withdrawn(
    client: RawClient, other: RawClient, driver: FakeDriver
) -> None:
    _, busy = await other.open()
    driver.hold("invoke")
    await busy.ask(1)
    await driver.entered()
    opening = await client.ask("open", UUID, 0, None, [])
    assert await client.result("cancel", None, opening) == "withdrawn"
    error = (await client.answer(opening)).error
    assert error is not None
    assert error.reason == "cancelled"
    driver.let_go()
    assert len(driver.called("open_session")) == 1


async def test_an_opening_inside_the_tee_goes_on(client: RawClient, driver: FakeDriver) -> None:
    driver.hold("open_session")
    opening = await client.ask("open", UUID, 0, None, [])
    await driver.entered()
    assert await client.result("cancel", None, opening) == "requested"
    driver.let_go()
    assert (await client.answer(opening)).result[0] == 0
    client.take_channel()


async def test_a_cancellation_of_one_client_is_nothing_to_another(
    client: RawClient, other: RawClient, driver: FakeDriver
) -> None:
    number, channel = await client.open("name")
    theirs, _ = await other.open("name")
    driver.hold("invoke")
    await channel.ask(5)
    running = await driver.entered()
    assert await other.result("cancel", theirs, 5) == "not-found"
    assert driver.called("cancel") == []
    running.finish()
    assert number == theirs == 1


async def test_a_cancellation_that_the_driver_refuses_harms_nobody(
    client: RawClient, driver: FakeDriver
) -> None:
    number, channel = await client.open()
    driver.hold("invoke")
    await channel.ask(5)
    running = await driver.entered()
    driver.fail["cancel"] = OSError(22, "Invalid argument")
    assert await client.result("cancel", number, 5) == "requested"
    running.finish()
    assert (await channel.answer()).error is None


# -- the end -------------------------------------------------------------------------------


async def test_close_waits_for_what_runs(client: RawClient, driver: FakeDriver) -> None:
    number, channel = await client.open()
    driver.hold("invoke")
    await channel.ask(5)
    running = await driver.entered()
    closing = await client.ask("close", number)
    assert await client.reason("close", number) == "bad-session"
    assert driver.called("close_session") == []
    running.finish()
    assert (await channel.answer()).result[0] == 0
    await client.answer(closing)
    assert len(driver.called("close_session")) == 1


async def test_hanging_up_a_channel_leaves_its_session(
    house: House, client: RawClient, driver: FakeDriver
) -> None:
    number, channel = await client.open()
    channel.close()
    await house.until(lambda: house.daemon.accounts.total("sessions") == 0)
    await client.result("status")
    assert driver.sessions == set()
    assert await client.reason("close", number) == "bad-session"


async def test_close_after_hanging_up_waits_for_the_end_of_the_session(
    client: RawClient, driver: FakeDriver
) -> None:
    number, channel = await client.open()
    driver.hold("close_session")
    channel.close()
    ending = await driver.entered()
    closing = await client.ask("close", number)
    await client.result("status")
    assert not client.has_answer(closing)
    assert await client.reason("close", number) == "bad-session"
    ending.finish()
    assert (await client.answer(closing)).error is None


async def test_a_malformed_message_on_a_channel_is_the_end_of_its_client(
    house: House, client: RawClient, other: RawClient
) -> None:
    _, broken = await client.open("name")
    _, theirs = await other.open("name")
    await broken.socket.send(b"\xc1")
    assert await client.goodbye() == "malformed"
    assert await broken.is_closed()
    assert (await theirs.invoke(1)).error is None


async def test_who_does_not_read_a_channel_s_answers_is_the_end_of_that_client(
    client: RawClient, other: RawClient
) -> None:
    _, channel = await client.open()
    _, theirs = await other.open()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_ask_for_ever, channel)
        assert await client.goodbye() == "malformed"
        nursery.cancel_scope.cancel()
    assert (await theirs.invoke(1)).error is None


async def _ask_for_ever(channel: RawChannel) -> None:
    while True:
        try:
            await channel.ask(1)
        except (BrokenPipeError, ConnectionResetError):
            await trio.sleep_forever()
