"""Sessions and the calls in them: turns, threads, cancellation, and being torn away."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID as UuidObject

import pytest

from teed_client import (
    INOUT,
    INPUT,
    Cancellation,
    Context,
    Disconnected,
    Login,
    Result,
    Session,
    TeeError,
    Temporary,
    Value,
)
from teed_client.invocation import Operation
from teed_protocol.errors import RemoteProtocolError

from .conftest import UUID
from .fake_teed import (
    ARENA,
    PATIENCE,
    SUCCESS,
    FakeTeed,
    Params,
    Reply,
    has_unread,
    nothing,
    refusal,
)

CANCELLED = (Result.ERROR_CANCEL, 4)


class Gate:
    """An application that says when it is entered, and stays until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()
        self.left = threading.Event()
        self.answer: tuple[int, int] = SUCCESS

    def __call__(self, command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        self.entered.set()
        assert self.open.wait(PATIENCE)
        return self.answer


@pytest.fixture
def gate(teed: FakeTeed) -> Gate:
    gate = Gate()
    teed.application = gate
    return gate


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


# Opening


def test_a_session_is_asked_for_in_the_words_of_the_protocol(
    teed: FakeTeed, context: Context
) -> None:
    octets = bytes.fromhex(UUID.replace("-", ""))
    for uuid in (UUID, octets, UuidObject(UUID)):
        with context.open_session(
            uuid, Value(1, 2), None, login=Login.GROUP, group=100, share="mine"
        ):
            pass
        parameters = [[3, 1, 2, 0], [0, 0, 0, 0]]
        assert teed.wait_until_heard("open") == [octets, 2, 100, parameters, "mine"]


@pytest.mark.parametrize("wrong", ["", "8aaaf200", "not a uuid", b"123"])
def test_what_is_no_uuid_is_not_sent(teed: FakeTeed, context: Context, wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"UUID|hexadecimal"):
        context.open_session(wrong)
    assert "open" not in teed.methods_heard()


def test_a_login_that_cannot_be_said_is_not_sent(teed: FakeTeed, context: Context) -> None:
    for wrong in ({"login": -1}, {"group": 2**32}, {"share": "x" * 1025}):
        with pytest.raises(ValueError, match=r"32 bits|1024"):
            context.open_session(UUID, **wrong)  # type: ignore[arg-type]
    assert "open" not in teed.methods_heard()


def test_outputs_of_an_opening_come_back_also_when_it_fails(
    teed: FakeTeed, context: Context
) -> None:
    teed.methods["open"] = lambda params: Reply([0xFFFF000D, 3, [[3, 7, 8, 0]], None])
    value = Value()
    with pytest.raises(TeeError) as busy:
        context.open_session(UUID, value)
    assert (busy.value.name, busy.value.origin) == ("TEEC_ERROR_BUSY", 3)
    assert (value.a, value.b) == (7, 8)


def test_a_refusal_carries_its_reason_and_its_text(teed: FakeTeed, context: Context) -> None:
    teed.methods["open"] = lambda params: refusal(0xFFFF0001, "denied", "not for you")
    with pytest.raises(TeeError, match="not for you") as denied:
        context.open_session(UUID)
    assert (denied.value.reason, denied.value.origin) == ("denied", 2)


def test_a_refused_opening_gives_back_its_memory(teed: FakeTeed, context: Context) -> None:
    teed.methods["open"] = lambda params: refusal(0xFFFF0001, "denied")
    for _ in range(2):
        with pytest.raises(TeeError, match="because"):
            context.open_session(UUID, Temporary(bytes(ARENA), INPUT))
    assert teed.methods_heard().count("allocate") == 1


# Turns


def test_threads_of_one_session_take_turns(
    teed: FakeTeed, session: Session, threads: ThreadPoolExecutor
) -> None:
    running = threading.Semaphore(1)

    def alone(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        assert running.acquire(blocking=False)
        params[0][1] = command
        running.release()
        return SUCCESS

    def work(command: int) -> int:
        value = Value()
        session.invoke(command, value)
        return value.a

    teed.application = alone
    assert list(threads.map(work, range(200))) == list(range(200))
    assert not teed.overlaps


def test_threads_of_one_context_get_their_own_answers(
    teed: FakeTeed, context: Context, threads: ThreadPoolExecutor
) -> None:
    def work(size: int) -> bool:
        with context.allocate(size) as buffer:
            return len(buffer.view) == size

    assert all(threads.map(work, range(1, 100)))


def test_temporary_references_of_calls_at_the_same_time_do_not_meet(
    teed: FakeTeed, context: Context, threads: ThreadPoolExecutor
) -> None:
    together = threading.Barrier(4)

    def complement(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        together.wait(PATIENCE)
        memory = teed.memory(params[0])
        memory[:] = bytes(255 - octet for octet in memory)
        together.wait(PATIENCE)
        return SUCCESS

    def work(number: int) -> bytes:
        with context.open_session(UUID) as session:
            data = bytearray([number] * 500)
            session.invoke(0, Temporary(data, INOUT))
            return bytes(data)

    teed.application = complement
    assert list(threads.map(work, range(4))) == [bytes([255 - n] * 500) for n in range(4)]


def test_a_slow_opening_holds_up_nobody(
    teed: FakeTeed, context: Context, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    def slow(params: list[Any]) -> Reply:
        gate(0, [], teed)
        return teed.open_session([])

    teed.methods["open"] = slow
    opening = threads.submit(context.open_session, UUID)
    assert gate.entered.wait(PATIENCE)
    assert context.status() == {"buffers": 0}
    gate.open.set()
    opening.result(PATIENCE).close()


def test_no_two_calls_of_a_session_have_the_same_number(
    teed: FakeTeed, session: Session
) -> None:
    """Or a late cancellation would hit the wrong one."""
    for _ in range(10):
        session.invoke(0)
    assert len(set(teed.invocations)) == 10


# Cancellation


def test_a_call_that_was_cancelled_before_is_not_sent(
    teed: FakeTeed, context: Context, session: Session
) -> None:
    cancellation = Cancellation()
    cancellation.request()
    for call in (
        lambda: session.invoke(0, cancellation=cancellation),
        lambda: context.open_session(UUID, cancellation=cancellation),
    ):
        with pytest.raises(TeeError) as cancelled:
            call()
        assert cancelled.value.code == Result.ERROR_CANCEL
        assert cancelled.value.reason == "cancelled"
    assert teed.invocations == []
    assert teed.methods_heard().count("open") == 1


def test_a_running_call_is_cancelled_by_its_number(
    teed: FakeTeed, session: Session, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    cancellation = Cancellation()
    call = threads.submit(session.invoke, 0, Value(), cancellation=cancellation)
    assert gate.entered.wait(PATIENCE)
    cancellation.request()
    assert teed.wait_until_heard("cancel") == [1, teed.invocations[-1]]
    gate.answer = CANCELLED
    gate.open.set()
    with pytest.raises(TeeError) as cancelled:
        call.result(PATIENCE)
    assert (cancelled.value.code, cancelled.value.origin) == CANCELLED


def test_a_call_may_succeed_although_it_was_cancelled(
    teed: FakeTeed, session: Session, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    cancellation = Cancellation()
    call = threads.submit(session.invoke, 0, cancellation=cancellation)
    assert gate.entered.wait(PATIENCE)
    cancellation.request()
    cancellation.request()
    teed.wait_until_heard("cancel")
    gate.open.set()
    call.result(PATIENCE)
    session.close()
    assert teed.methods_heard().count("cancel") == 1


def test_what_has_ended_is_not_cancelled(teed: FakeTeed, context: Context) -> None:
    cancellation = Cancellation()
    with context.open_session(UUID, cancellation=cancellation) as session:
        session.invoke(0, cancellation=cancellation)
        cancellation.request()
    assert "cancel" not in teed.methods_heard()


def test_a_cancellation_that_comes_while_a_call_is_sent_is_not_lost() -> None:
    cancellation, cancelled = Cancellation(), []
    cancellation.check()
    cancellation.request()
    cancellation.begin(lambda: cancelled.append(True))
    assert cancelled == [True]


def test_answers_to_cancellations_do_not_pile_up(
    teed: FakeTeed, context: Context, session: Session, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    teed.methods["cancel"] = lambda params: Reply(gate(0, [], teed))
    cancellation = Cancellation()
    call = threads.submit(session.invoke, 0, cancellation=cancellation)
    assert gate.entered.wait(PATIENCE)
    cancellation.request()
    teed.say_unread()
    teed.say([1, 1, None, [0, 4, []]], session=1)
    call.result(PATIENCE)
    assert not has_unread(context._control._socket)
    gate.open.set()


def test_one_cancellation_cancels_all_calls_that_it_was_given_to(
    teed: FakeTeed, context: Context, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    cancellation = Cancellation()
    both = threading.Barrier(3)

    def meet(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        both.wait(PATIENCE)
        return gate(command, params, teed)

    teed.application = meet
    with context.open_session(UUID) as one, context.open_session(UUID) as other:
        calls = [
            threads.submit(each.invoke, 0, cancellation=cancellation) for each in (one, other)
        ]
        both.wait(PATIENCE)
        cancellation.request()
        teed.wait_until_heard("cancel", times=2)
        gate.open.set()
        for call in calls:
            call.result(PATIENCE)
    cancels = sorted(params for method, params in teed.heard if method == "cancel")
    assert [session for session, _ in cancels] == [1, 2]


def test_cancelling_an_opening_overtakes_it(
    teed: FakeTeed, context: Context, gate: Gate, threads: ThreadPoolExecutor
) -> None:
    def slow(params: list[Any]) -> Reply:
        gate(0, [], teed)
        return refusal(Result.ERROR_CANCEL, "cancelled")

    teed.methods["open"] = slow
    cancellation = Cancellation()
    opening = threads.submit(context.open_session, UUID, cancellation=cancellation)
    assert gate.entered.wait(PATIENCE)
    cancellation.request()
    session, _ = teed.wait_until_heard("cancel")
    assert session is None
    gate.open.set()
    with pytest.raises(TeeError) as cancelled:
        opening.result(PATIENCE)
    assert cancelled.value.code == Result.ERROR_CANCEL


def test_a_signal_handler_can_cancel_what_its_thread_waits_for(
    teed: FakeTeed, session: Session
) -> None:
    cancellation = Cancellation()

    def interrupt(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        teed.wait_until_heard("cancel")
        return CANCELLED

    teed.application = interrupt
    before = signal.signal(signal.SIGUSR1, lambda *_: cancellation.request())
    try:
        with pytest.raises(TeeError) as cancelled:
            session.invoke(0, cancellation=cancellation)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (cancelled.value.code, cancelled.value.origin) == CANCELLED


# Torn away


class Torn(Exception):
    """Raised by a signal handler, as KeyboardInterrupt is."""


@pytest.fixture
def tearing(teed: FakeTeed) -> Iterator[Gate]:
    """An application that tears its client out of waiting, and then stays."""
    gate = Gate()

    def tear(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        result = gate(command, params, teed)
        teed.memory(params[0])[:4] = b"late"
        gate.left.set()
        return result

    def handler(*_: object) -> None:
        raise Torn

    teed.application = tear
    before = signal.signal(signal.SIGUSR1, handler)
    yield gate
    signal.signal(signal.SIGUSR1, before)


def test_after_a_torn_call_the_next_one_gets_its_own_answer(
    teed: FakeTeed, session: Session, tearing: Gate
) -> None:
    with pytest.raises(Torn):
        session.invoke(1, Temporary(b"some", INPUT))
    assert teed.wait_until_heard("cancel") == [1, teed.invocations[-1]]

    def count(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        params[0][1] = command
        return SUCCESS

    teed.application = count
    tearing.open.set()
    value = Value()
    session.invoke(2, value)
    assert value.a == 2


def test_after_a_torn_call_the_next_one_waits_for_its_end(
    teed: FakeTeed,
    context: Context,
    session: Session,
    tearing: Gate,
    threads: ThreadPoolExecutor,
) -> None:
    with pytest.raises(Torn):
        session.invoke(0, Temporary(b"some", INPUT))
    teed.application = nothing
    call = threads.submit(session.invoke, 0)
    teed.wait_until_heard("cancel", times=2)
    context.status()
    tearing.open.set()
    call.result(PATIENCE)
    assert not teed.overlaps


def test_the_memory_of_a_torn_call_comes_back_when_it_has_ended(
    teed: FakeTeed, session: Session, tearing: Gate
) -> None:
    with pytest.raises(Torn):
        session.invoke(0, Temporary(b"some", INPUT))
    tearing.open.set()
    teed.application = nothing
    session.invoke(0, Temporary(bytes(ARENA), INPUT))
    assert teed.methods_heard().count("allocate") == 1


def test_a_call_torn_away_before_it_was_sent_is_not_waited_for(
    teed: FakeTeed, session: Session
) -> None:
    """As far as the client can tell it was sent; teed knows better."""
    teed.methods["cancel"] = lambda params: Reply("not-found")
    session._said.request(0, [])
    session._running = Operation(session._client, [])
    value = Value(5)
    session.invoke(0, value)
    assert teed.wait_until_heard("cancel") == [1, 1]
    assert teed.invocations == [2]


def test_the_answer_of_a_torn_call_may_be_on_its_way_when_teed_has_forgotten_it(
    teed: FakeTeed, session: Session, tearing: Gate
) -> None:
    teed.methods["cancel"] = lambda params: Reply("not-found")
    with pytest.raises(Torn):
        session.invoke(1, Temporary(b"some", INPUT))
    tearing.open.set()
    assert tearing.left.wait(PATIENCE)
    teed.application = nothing
    session.invoke(2)
    session.invoke(3)


def test_the_memory_of_a_torn_call_is_left_alone_until_it_has_ended(
    teed: FakeTeed, context: Context, session: Session, tearing: Gate
) -> None:
    with pytest.raises(Torn):
        session.invoke(0, Temporary(b"some", INPUT))

    def let_the_other_end(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        tearing.open.set()
        assert tearing.left.wait(PATIENCE)
        return SUCCESS

    with context.open_session(UUID) as other:
        teed.application = let_the_other_end
        mine = Temporary(bytearray(b"mine"), INOUT)
        other.invoke(0, mine)
        session.invoke(0)
        assert mine.data == b"mine"


def test_a_session_can_be_closed_after_a_torn_call(
    teed: FakeTeed, context: Context, tearing: Gate
) -> None:
    with pytest.raises(Torn), context.open_session(UUID) as session:
        session.invoke(0, Temporary(b"some", INPUT))
    assert teed.wait_until_heard("close") == [1]
    tearing.open.set()


def test_a_session_closed_after_a_torn_call_gives_back_the_memory(
    teed: FakeTeed, context: Context, tearing: Gate
) -> None:
    session = context.open_session(UUID)
    with pytest.raises(Torn):
        session.invoke(0, Temporary(b"some", INPUT))
    tearing.open.set()
    session.close()
    teed.application = nothing
    with context.open_session(UUID) as other:
        other.invoke(0, Temporary(bytes(ARENA), INPUT))
    assert teed.methods_heard().count("allocate") == 1


def test_an_opening_that_is_torn_away_leaves_no_session(
    teed: FakeTeed, context: Context, tearing: Gate
) -> None:
    def tear(params: list[Any]) -> Reply:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        assert tearing.open.wait(PATIENCE)
        return teed.open_session([])

    teed.methods["open"] = tear
    with pytest.raises(Torn):
        context.open_session(UUID)
    tearing.open.set()
    while not teed.has_left():
        context.status()


# The end of a session


def test_a_session_is_closed_once_and_says_so_afterwards(
    teed: FakeTeed, session: Session
) -> None:
    session.close()
    session.close()
    assert teed.methods_heard().count("close") == 1
    with pytest.raises(TeeError, match="session was closed") as closed:
        session.invoke(0)
    assert (closed.value.code, closed.value.origin) == (Result.ERROR_BAD_STATE, 1)


def test_closing_a_session_hangs_up_its_channel(teed: FakeTeed, session: Session) -> None:
    session.close()
    teed.wait_until_left()


def test_a_session_that_nobody_has_any_more_is_left(teed: FakeTeed, context: Context) -> None:
    with pytest.warns(ResourceWarning, match="unclosed"):
        context.open_session(UUID)
    teed.wait_until_left()


def test_closing_a_context_closes_its_sessions_first(teed: FakeTeed) -> None:
    with Context(teed.path) as context:
        session = context.open_session(UUID)
    assert teed.methods_heard()[-1] == "close"
    with pytest.raises(TeeError, match="session was closed"):
        session.invoke(0)


def test_a_call_whose_channel_is_hung_up_ends(teed: FakeTeed, session: Session) -> None:
    def hang_up(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        teed.hang_up(session=1)
        return SUCCESS

    teed.application = hang_up
    with pytest.raises(Disconnected, match="closed the channel"):
        session.invoke(0)
    with pytest.raises(Disconnected, match="closed the channel"):
        session.invoke(0)


def test_a_goodbye_on_the_channel_is_told(teed: FakeTeed, session: Session) -> None:
    def dismiss(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        teed.say([2, "goodbye", [0xFFFF0005, 2, "malformed", "what was that?"]], session=1)
        teed.hang_up(session=1)
        return SUCCESS

    teed.application = dismiss
    with pytest.raises(Disconnected, match="what was that") as dismissed:
        session.invoke(0)
    assert (dismissed.value.code, dismissed.value.reason) == (0xFFFF0005, "malformed")


def test_a_goodbye_that_came_before_the_call_is_told_too(
    teed: FakeTeed, session: Session
) -> None:
    teed.say([2, "goodbye", [0xFFFF000E, 2, "shutdown", "teed is stopping"]], session=1)
    teed.hang_up(session=1)
    with pytest.raises(Disconnected, match="teed is stopping"):
        session.invoke(0)


def test_a_refused_call_has_ended(teed: FakeTeed, session: Session) -> None:
    def refuse(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        teed.say([1, 1, [0xFFFF0006, 2, "bad-buffer", "there is no buffer 9"], None], session=1)
        return SUCCESS

    teed.application = refuse
    with pytest.raises(TeeError, match="no buffer 9") as refused:
        session.invoke(0, Temporary(b"some", INPUT))
    assert (refused.value.code, refused.value.reason) == (0xFFFF0006, "bad-buffer")
    teed.application = nothing
    session.invoke(0, Temporary(bytes(ARENA), INPUT))
    assert teed.methods_heard().count("allocate") == 1
    assert "cancel" not in teed.methods_heard()


ANSWERS: list[Any] = [
    [1, 1, None, None],
    [1, 1, None, [0, 4]],
    [1, 1, None, [0, 4, None]],
    [1, 1, None, [0, 4, []]],
    [1, 1, None, [0, 4, [None]]],
    [1, 1, None, [0, 4, [[3, 1]]]],
    [1, 1, None, [0, 4, [[1, 1, 1, 0]]]],
    [1, 1, None, [0, 4, [[3, None, 1, 0]]]],
    [1, 1, None, [0, 4, [[3, 0, -1, 0]]]],
    [1, 1, None, [0, "4", [[3, 1, 1, 0]]]],
    [1, 1, None, [-1, 4, [[3, 1, 1, 0]]]],
    [1, 2, None, [0, 4, [[3, 1, 1, 0]]]],
    [1, 1, "no", None],
    [0, 1, "invoke", []],
    [2, "hello", []],
    [2, "goodbye", [1]],
    [],
    7,
]


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_an_answer_that_is_none_ends_the_session(
    teed: FakeTeed, session: Session, answer: Any
) -> None:
    def confuse(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        teed.say(answer, session=1)
        return SUCCESS

    teed.application = confuse
    with pytest.raises(RemoteProtocolError):
        session.invoke(0, Value())
    teed.wait_until_left()


def test_fields_that_a_later_version_adds_are_ignored(teed: FakeTeed, session: Session) -> None:
    def newer(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        teed.say([1, 1, None, [0, 4, [[3, 7, 8, 0]], "news"]], session=1)
        return SUCCESS

    teed.application = newer
    value = Value()
    session.invoke(0, value)
    assert value.a == 7
