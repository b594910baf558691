"""What waits is withdrawn, what runs is asked to stop, what is over is left alone."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from teed_client import Cancellation, Context, Direction, Session, TeeError, Value
from teed_protocol.calls import NOT_FOUND
from teed_protocol.codes import Attribute, Origin, Result

from . import applications
from .applications import Command
from .raw import Raw

VALUE_INPUT = int(Attribute.VALUE_INPUT)
LONG = 60_000  # milliseconds; a test that waits for it to pass has failed

Settled = Callable[[Callable[[dict[str, int]], bool]], dict[str, int]]


class Caller(threading.Thread):
    """A call on a thread of its own; ``outcome`` is its code and origin when it has ended."""

    def __init__(self, session: Session, command: Command, *values: int) -> None:
        super().__init__()
        self.cancellation = Cancellation()
        self.outcome = (0, 0)
        self._call = (session, command, Value(*values, direction=Direction.INPUT))
        self.start()

    def run(self) -> None:
        session, command, value = self._call
        try:
            session.invoke(command, value, cancellation=self.cancellation)
        except TeeError as failed:
            self.outcome = failed.code, failed.origin


@contextmanager
def running(session: Session, settled: Settled, watcher: Context) -> Iterator[Caller]:
    """A long call that is inside the TEE, and is cancelled in the end."""
    before = watcher.status()["invocations"]
    caller = Caller(session, Command.WAIT, LONG, 1)
    try:
        settled(lambda status: status["invocations"] > before)
        yield caller
    finally:
        caller.cancellation.request()
        caller.join()


def test_a_running_call_is_cancelled(
    session: Session, settled: Settled, watcher: Context
) -> None:
    with running(session, settled, watcher) as caller:
        caller.cancellation.request()
        caller.join()
    assert caller.outcome == (Result.ERROR_CANCEL, Origin.TRUSTED_APP)


def test_a_waiting_call_is_withdrawn_without_entering_the_tee(
    socket_path: Path, session: Session, settled: Settled, watcher: Context
) -> None:
    with (
        Context(socket_path) as other,
        other.open_session(applications.TEED_TEST) as waiting,
        running(session, settled, watcher),
    ):
        before = watcher.status()["invocations"]
        caller = Caller(waiting, Command.NOP, 0)
        # Until it is there to be withdrawn, a request for its cancellation is kept.
        caller.cancellation.request()
        caller.join()
        assert caller.outcome == (Result.ERROR_CANCEL, Origin.COMMS)
        assert watcher.status()["invocations"] == before


def test_a_call_that_masks_cancellation_runs_to_its_end(session: Session) -> None:
    caller = Caller(session, Command.WAIT, 500, 0)
    caller.cancellation.request()
    caller.join()
    assert caller.outcome in (
        (Result.SUCCESS, 0),  # it had entered
        (Result.ERROR_CANCEL, Origin.COMMS),  # it had not
    )


def test_what_one_call_unmasks_is_masked_for_the_next(
    session: Session, settled: Settled, watcher: Context
) -> None:
    session.invoke(Command.WAIT, Value(1, 1, Direction.INPUT))
    before = watcher.status()["invocations"]
    caller = Caller(session, Command.WAIT, 500, 0)
    settled(lambda status: status["invocations"] > before)
    caller.cancellation.request()
    caller.join()
    assert caller.outcome == (Result.SUCCESS, 0)


def test_cancelling_what_is_over_does_not_hit_the_next_call(session: Session) -> None:
    cancellation = Cancellation()
    session.invoke(Command.NOP, cancellation=cancellation)
    cancellation.request()
    session.invoke(Command.WAIT, Value(1, 1, Direction.INPUT))


def test_a_cancel_for_what_is_over_finds_nothing_and_does_not_hit_the_next_call(
    socket_path: Path,
) -> None:
    with Raw(socket_path) as raw:
        session = raw.open(applications.TEED_TEST)
        session.ask(1, Command.NOP)
        assert session.result(1)[0] == Result.SUCCESS
        assert raw.result("cancel", session.number, 1) == NOT_FOUND
        session.ask(2, Command.WAIT, [VALUE_INPUT, 50, 1, 0])
        assert session.result(2)[0] == Result.SUCCESS


def test_a_cancel_for_what_is_over_does_not_hit_the_call_that_runs(
    socket_path: Path, settled: Settled, watcher: Context
) -> None:
    with Raw(socket_path) as raw:
        session = raw.open(applications.TEED_TEST)
        session.ask(1, Command.NOP)
        assert session.result(1)[0] == Result.SUCCESS
        before = watcher.status()["invocations"]
        session.ask(2, Command.WAIT, [VALUE_INPUT, 500, 1, 0])
        settled(lambda status: status["invocations"] > before)
        assert raw.result("cancel", session.number, 1) == NOT_FOUND
        assert session.result(2)[0] == Result.SUCCESS


def test_a_call_that_is_cancelled_before_it_is_made_is_not_made(session: Session) -> None:
    cancellation = Cancellation()
    cancellation.request()
    with pytest.raises(TeeError) as failed:
        session.invoke(Command.NOP, cancellation=cancellation)
    assert failed.value.code == Result.ERROR_CANCEL


def test_one_sharer_cannot_cancel_the_call_of_another(
    context: Context, settled: Settled, watcher: Context
) -> None:
    with (
        context.open_session(applications.TEED_TEST, share="cancel") as one,
        context.open_session(applications.TEED_TEST, share="cancel") as other,
        running(one, settled, watcher) as caller,
    ):
        waiting = Caller(other, Command.NOP, 0)
        waiting.cancellation.request()
        waiting.join()
        assert waiting.outcome == (Result.ERROR_CANCEL, Origin.COMMS)
        assert caller.is_alive()


def test_an_opening_that_is_cancelled_too_late_succeeds(context: Context) -> None:
    slow = Value(applications.WAIT_IN_OPEN, 200, Direction.INPUT)
    cancellation = Cancellation()
    outcomes: list[Result] = []

    def open_and_close() -> None:
        try:
            context.open_session(
                applications.TEED_TEST, slow, cancellation=cancellation
            ).close()
            outcomes.append(Result.SUCCESS)
        except TeeError as failed:
            outcomes.append(Result(failed.code))

    opener = threading.Thread(target=open_and_close)
    opener.start()
    cancellation.request()
    opener.join()
    assert outcomes[0] in (Result.SUCCESS, Result.ERROR_CANCEL)
