"""The trio client: many tasks, cancel scopes, and the same behaviour otherwise."""

import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
import trio.testing

from teed_client import (
    INOUT,
    INPUT,
    OUTPUT,
    Disconnected,
    Partial,
    TeeError,
    Temporary,
    Value,
    Whole,
    sealed_memfd,
)
from teed_client.trio import Context, Session, open_context
from teed_client.trio.control import Control
from teed_client.trio.packets import send
from teed_protocol.calls import Release
from teed_protocol.errors import RemoteProtocolError

from .conftest import UUID
from .fake_teed import ARENA, PATIENCE, SUCCESS, FakeTeed, Params, Reply, has_unread, refusal


class Gate:
    """An application that says when it is entered, and stays until it is let go."""

    def __init__(self) -> None:
        self._entered = threading.Event()
        self.open = threading.Event()

    def __call__(self, command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        self._entered.set()
        assert self.open.wait(PATIENCE)
        return SUCCESS

    async def entered(self) -> None:
        assert await trio.to_thread.run_sync(self._entered.wait, PATIENCE)


@pytest.fixture
def gate(teed: FakeTeed) -> Gate:
    gate = Gate()
    teed.application = gate
    return gate


@pytest.fixture
async def context(teed: FakeTeed) -> AsyncIterator[Context]:
    async with open_context(teed.path, "trio") as context:
        yield context


@pytest.fixture
async def session(context: Context) -> AsyncIterator[Session]:
    async with await context.open_session(UUID) as session:
        yield session


async def _heard(teed: FakeTeed, method: str) -> list[Any]:
    return await trio.to_thread.run_sync(teed.wait_until_heard, method)


async def test_parameters_are_those_of_the_blocking_client(
    teed: FakeTeed, context: Context, session: Session
) -> None:
    def application(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        params[0][1] += command
        teed.memory(params[1])[:3] = b"out"
        params[1][2] = 3
        teed.memory(params[2])[:2] = bytes(reversed(teed.memory(params[2])[:2]))
        teed.memory(params[3])[0] += 1
        return SUCCESS

    teed.application = application
    memory = bytearray(b"ab")
    async with await context.allocate(10) as buffer, await context.register(memory) as shadow:
        number, output = Value(40), Temporary(bytearray(8), OUTPUT)
        await session.invoke(2, number, output, Whole(shadow), Partial(buffer, 5, 1, INOUT))
        assert (number.a, bytes(output.data[: output.size])) == (42, b"out")
        assert memory == b"ba"
        assert buffer.view[5] == 1
    assert teed.methods_heard().count("release") == 2


async def test_errors_are_those_of_the_blocking_client(
    teed: FakeTeed, context: Context, session: Session
) -> None:
    teed.application = lambda command, params, teed: (0xFFFF0000, 4)
    with pytest.raises(TeeError, match="TEEC_ERROR_GENERIC"):
        await session.invoke(0)
    teed.methods["open"] = lambda params: refusal(0xFFFF0001, "denied")
    with pytest.raises(TeeError, match="because"):
        await context.open_session(UUID)
    with pytest.raises(TypeError, match="writable"):
        await session.invoke(0, Temporary(b"constant", OUTPUT))


async def test_a_refused_opening_gives_back_its_memory(
    teed: FakeTeed, context: Context
) -> None:
    teed.methods["open"] = lambda params: refusal(0xFFFF0001, "denied")
    for _ in range(2):
        with pytest.raises(TeeError, match="because"):
            await context.open_session(UUID, Temporary(bytes(ARENA), INPUT))
    assert teed.methods_heard().count("allocate") == 1


async def test_tasks_of_one_context_get_their_own_answers(
    teed: FakeTeed, context: Context
) -> None:
    async def work(size: int) -> None:
        async with await context.allocate(size) as buffer:
            assert len(buffer.view) == size

    async with trio.open_nursery() as nursery:
        for size in range(1, 60):
            nursery.start_soon(work, size)


async def test_tasks_of_one_session_take_turns(teed: FakeTeed, session: Session) -> None:
    def echo(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        params[0][1] = command
        return SUCCESS

    async def work(command: int) -> None:
        value, data = Value(), Temporary(bytearray(100), INOUT)
        await session.invoke(command, value, data)
        assert value.a == command

    teed.application = echo
    async with trio.open_nursery() as nursery:
        for command in range(100):
            nursery.start_soon(work, command)
    assert teed.methods_heard().count("allocate") == 1


async def test_a_slow_opening_holds_up_nobody(
    teed: FakeTeed, context: Context, gate: Gate
) -> None:
    def slow(params: list[Any]) -> Reply:
        gate(0, [], teed)
        return teed.open_session([])

    async def open_and_close() -> None:
        async with await context.open_session(UUID):
            pass

    teed.methods["open"] = slow
    async with trio.open_nursery() as nursery:
        nursery.start_soon(open_and_close)
        await gate.entered()
        assert await context.status() == {"buffers": 0}
        gate.open.set()


async def test_a_large_temporary_reference_has_a_buffer_for_one_call(
    teed: FakeTeed, session: Session
) -> None:
    await session.invoke(0, Temporary(b"small", INPUT))
    await session.invoke(0, Temporary(bytes(ARENA + 1), INPUT))
    assert await _heard(teed, "release") == [2]


async def test_a_memfd_of_the_application_is_shared_as_it_is(
    teed: FakeTeed, context: Context
) -> None:
    memfd = sealed_memfd(4096)
    async with await context.register_memfd(memfd, 100) as buffer:
        os.close(memfd)
        buffer.view[:1] = b"x"
        assert teed.buffers[1][:1] == b"x"


# Cancellation


async def test_a_cancelled_call_is_cancelled_at_teed_and_its_end_awaited(
    teed: FakeTeed, session: Session, gate: Gate
) -> None:
    ended = trio.Event()
    scope = trio.CancelScope()

    async def call() -> None:
        with scope:
            await session.invoke(0, Temporary(bytearray(10), INOUT))
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await gate.entered()
        scope.cancel()
        assert await _heard(teed, "cancel") == [1, teed.invocations[-1]]
        assert not ended.is_set()
        gate.open.set()
    assert scope.cancelled_caught


async def test_answers_to_cancellations_do_not_pile_up(
    teed: FakeTeed, context: Context, session: Session, gate: Gate
) -> None:
    teed.methods["cancel"] = lambda params: Reply(gate(0, [], teed))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.invoke, 0)
        await gate.entered()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await _heard(teed, "cancel")
        teed.say_unread()
        teed.say([1, 1, None, [0, 4, []]], session=1)
    assert not has_unread(context._control._socket)
    gate.open.set()


async def test_after_a_cancelled_call_the_next_one_gets_its_own_answer(
    teed: FakeTeed, session: Session, gate: Gate
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.invoke, 0)
        await gate.entered()
        nursery.cancel_scope.cancel()
        gate.open.set()

    def count(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        params[0][1] = command
        return SUCCESS

    teed.application = count
    value = Value()
    await session.invoke(7, value)
    assert value.a == 7


async def test_a_call_that_waits_for_its_turn_is_cancelled_without_being_sent(
    teed: FakeTeed, session: Session, gate: Gate
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.invoke, 0)
        await gate.entered()
        with trio.move_on_after(0) as scope:
            await session.invoke(1)
        assert scope.cancelled_caught
        gate.open.set()
    assert len(teed.invocations) == 1
    assert "cancel" not in teed.methods_heard()


async def test_a_cancelled_opening_leaves_no_session(
    teed: FakeTeed, context: Context, gate: Gate
) -> None:
    def slow(params: list[Any]) -> Reply:
        gate(0, [], teed)
        return teed.open_session([])

    teed.methods["open"] = slow
    async with trio.open_nursery() as nursery:
        nursery.start_soon(context.open_session, UUID)
        await gate.entered()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            session, _ = await _heard(teed, "cancel")
        assert session is None
        gate.open.set()
    await trio.to_thread.run_sync(teed.wait_until_left)


async def test_a_cancelled_allocation_is_released_when_it_comes(
    teed: FakeTeed, context: Context, gate: Gate
) -> None:
    def slow(params: list[Any]) -> Reply:
        gate(0, [], teed)
        return teed._allocate(params)

    teed.methods["allocate"] = slow
    async with trio.open_nursery() as nursery:
        nursery.start_soon(context.allocate, 10)
        await gate.entered()
        nursery.cancel_scope.cancel()
    gate.open.set()
    del teed.methods["allocate"]
    while "release" not in teed.methods_heard():
        await context.status()
    assert await _heard(teed, "release") == [1]


async def test_who_reads_for_others_may_be_cancelled(
    teed: FakeTeed, context: Context, gate: Gate
) -> None:
    def slow(params: list[Any]) -> Reply:
        gate(0, [], teed)
        return Reply({})

    teed.methods["status"] = slow
    teed.methods["close"] = slow
    with trio.CancelScope() as reader:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(context.status)
            await gate.entered()
            reader.cancel()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(context.status)
        await trio.testing.wait_all_tasks_blocked()
        gate.open.set()


async def test_a_session_that_is_closed_in_a_cancelled_scope_is_hung_up(
    teed: FakeTeed, context: Context
) -> None:
    session = await context.open_session(UUID)
    with trio.CancelScope() as scope:
        scope.cancel()
        await session.aclose()
    await trio.to_thread.run_sync(teed.wait_until_left)
    with pytest.raises(TeeError, match="session was closed"):
        await session.invoke(0)


async def test_closing_a_context_closes_its_sessions_first(teed: FakeTeed) -> None:
    async with open_context(teed.path) as context:
        session = await context.open_session(UUID)
    assert teed.methods_heard()[-1] == "close"
    with pytest.raises(TeeError, match="session was closed"):
        await session.invoke(0)


async def test_closing_a_session_lets_its_last_call_end(
    teed: FakeTeed, context: Context, session: Session, gate: Gate
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.invoke, 0)
        await gate.entered()
        nursery.start_soon(session.aclose)
        await _heard(teed, "close")
        await context.status()
        await trio.testing.wait_all_tasks_blocked()
        gate.open.set()


async def test_a_call_whose_session_is_torn_away_leaves_its_memory_alone(
    teed: FakeTeed, context: Context, gate: Gate
) -> None:
    places = []

    def note(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        places.append(params[0][1])
        return gate(command, params, teed) if command else SUCCESS

    async def wait(session: Session) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await session.invoke(1, Temporary(b"some", INPUT))

    teed.application = note
    session = await context.open_session(UUID)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, session)
        await gate.entered()
        with trio.CancelScope() as scope:
            scope.cancel()
            await session.aclose()
    async with await context.open_session(UUID) as other:
        await other.invoke(0, Temporary(b"other", INPUT))
    gate.open.set()
    assert places[0] != places[1]


def _fill(connection: socket.socket) -> int:
    """Send until no more fits; how many packets it took."""
    connection.setblocking(False)
    filled = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            filled += bool(connection.send(b"x"))
    return filled


async def test_tasks_that_cannot_send_at_once_wait_for_each_other() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        filled = _fill(ours)
        control = Control(ours)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(control.tell, Release(1))
            nursery.start_soon(control.tell, Release(2))
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(filled):
                theirs.recv(10)
        assert {theirs.recv(100)[-1], theirs.recv(100)[-1]} == {1, 2}
        control.close()


async def test_catching_up_takes_nothing_from_the_task_that_reads(
    teed: FakeTeed, context: Context, gate: Gate
) -> None:
    def never(params: list[Any]) -> Reply:
        gate(0, [], teed)
        return Reply({})

    teed.methods["status"] = never
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(context.status)
            await gate.entered()
            teed.say([1, 2, None, {}])
            context._control.catch_up()
    gate.open.set()


async def test_sending_waits_while_teed_is_behind() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        filled = _fill(ours)
        with trio.move_on_after(0) as scope:
            await send(ours, b"cancelled")
        assert scope.cancelled_caught
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, ours, b"late")
            await trio.testing.wait_all_tasks_blocked()
            assert [theirs.recv(10) for _ in range(filled)] == [b"x"] * filled
        assert theirs.recv(10) == b"late"


# teed goes away


async def test_all_who_wait_hear_that_teed_has_gone(
    teed: FakeTeed, context: Context, gate: Gate
) -> None:
    def never(params: list[Any]) -> Reply:
        gate(0, [], teed)
        return Reply()

    async def disconnected() -> None:
        with pytest.raises(Disconnected, match="stopping"):
            await context.open_session(UUID)

    teed.methods["open"] = never
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(disconnected)
        await gate.entered()
        await trio.testing.wait_all_tasks_blocked()
        teed.say([2, "goodbye", [0xFFFF000E, 2, "shutdown", "teed is stopping"]])
        teed.hang_up()
    with pytest.raises(Disconnected, match="stopping"):
        await context.status()
    gate.open.set()


async def test_a_call_whose_channel_is_hung_up_ends(teed: FakeTeed, session: Session) -> None:
    def hang_up(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        teed.hang_up(session=1)
        return SUCCESS

    teed.application = hang_up
    for _ in range(2):
        with pytest.raises(Disconnected, match="closed the channel"):
            await session.invoke(0)


async def test_the_end_of_a_channel_is_explained_by_the_last_words_of_teed(
    teed: FakeTeed, session: Session
) -> None:
    def stop(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        teed.say([2, "goodbye", [0xFFFF000E, 2, "shutdown", "teed is stopping"]])
        teed.hang_up()
        teed.hang_up(session=1)
        return SUCCESS

    teed.application = stop
    with pytest.raises(Disconnected, match="teed is stopping"):
        await session.invoke(0)


async def test_what_teed_may_not_say_ends_the_connection(
    teed: FakeTeed, context: Context
) -> None:
    teed.say_bytes(b"\xc1")
    with pytest.raises(Disconnected, match="wrongly"):
        await context.status()
    await trio.to_thread.run_sync(teed.wait_until_gone)


async def test_an_answer_that_is_none_ends_the_session(
    teed: FakeTeed, session: Session
) -> None:
    def confuse(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        teed.say([1, 1, None, [0, 4]], session=1)
        return SUCCESS

    teed.application = confuse
    with pytest.raises(RemoteProtocolError):
        await session.invoke(0)
    await trio.to_thread.run_sync(teed.wait_until_left)


async def test_a_closed_context_says_so(teed: FakeTeed, gate: Gate) -> None:
    def never(params: list[Any]) -> Reply:
        gate(0, [], teed)
        return Reply()

    async def wait() -> None:
        with pytest.raises(TeeError, match="context was closed"):
            await context.open_session(UUID)

    teed.methods["open"] = never
    context = await Context.connect(teed.path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await gate.entered()
        await trio.testing.wait_all_tasks_blocked()
        await context.aclose()
    await context.aclose()
    gate.open.set()


async def test_where_nobody_listens_it_says_what_to_do(teed: FakeTeed) -> None:
    with pytest.raises(Disconnected, match="is teed running"):
        await Context.connect(str(teed.path) + "x")
    teed.methods["hello"] = lambda params: refusal(0xFFFF000A, "version", "too old")
    with pytest.raises(TeeError, match="too old"):
        await Context.connect(teed.path)
