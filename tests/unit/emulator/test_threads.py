"""Calls that are inside at the same time: who waits for whom, and cancellation.

Nothing here sleeps: the emulator tells how many secure threads are taken and how many
calls wait for one.
"""

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from uuid import UUID

import pytest

from teed.driver.emulator import Emulator
from teed.driver.emulator.application import TrustedApplication, command
from teed.driver.emulator.applications.teed_test import TeedTest
from teed.driver.emulator.arguments import Arguments
from teed.driver.emulator.secure_world import SecureWorld
from teed.driver.emulator.session import INFINITE, Identity, Session
from teed.driver.emulator.storage import State
from teed.driver.emulator.threads import SecureThreads
from teed.driver.interface import Answer, Opening
from teed_protocol.codes import Origin, Result
from teed_protocol.fields import Parameter

HOLD, NOP = 0, 1
WAIT = 5

MASKED, UNMASKED = 0, 1
"""The second value of teed_test's WAIT."""


def _wait(milliseconds: int, mask: int) -> tuple[Parameter]:
    return (Parameter(1, milliseconds, mask),)


@pytest.fixture
def invoke(start: Callable[..., Future[Answer]]) -> Callable[..., Future[Answer]]:
    """Begin to invoke a command, in a thread of its own."""

    def begin(
        tee: Emulator, session: int, number: int, parameters: tuple[Parameter, ...] = ()
    ) -> Future[Answer]:
        return start(tee.invoke, session, number, parameters, 0)

    return begin


def test_as_many_calls_are_inside_as_there_are_threads(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    invoke: Callable[..., Future[Answer]],
    gate: type[TrustedApplication],
) -> None:
    tee = emulate(gate, secure_threads=3)
    sessions = [opened(tee, gate) for _ in range(4)]
    calls = [invoke(tee, each, HOLD) for each in sessions[:3]]
    assert tee.threads.wait_until(taken=3)
    calls.append(invoke(tee, sessions[3], NOP))

    assert tee.threads.wait_until(taken=3, waiting=1)
    assert not any(call.done() for call in calls)
    gate.leave.set()

    assert [call.result(10).result for call in calls] == [0] * 4


def test_a_call_that_waits_for_its_session_holds_a_thread(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    invoke: Callable[..., Future[Answer]],
    gate: type[TrustedApplication],
) -> None:
    tee = emulate(gate)
    busy, idle = opened(tee, gate), opened(tee, gate)
    calls = [invoke(tee, busy, HOLD)]
    assert gate.entered.acquire(timeout=10)
    calls.append(invoke(tee, busy, NOP))
    assert tee.threads.wait_until(taken=2)
    calls.append(invoke(tee, idle, NOP))

    assert tee.threads.wait_until(taken=2, waiting=1)
    assert not calls[2].done()
    gate.leave.set()

    assert [call.result(10).result for call in calls] == [0] * 3


def test_a_session_runs_one_command_at_a_time(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    invoke: Callable[..., Future[Answer]],
) -> None:
    class Counter(TrustedApplication):
        uuid = UUID(int=11)
        inside = 0
        most = 0

        @command(0)
        def enter(self, session: Session) -> None:
            self.inside += 1
            Counter.most = max(Counter.most, self.inside)
            session.wait(1)
            self.inside -= 1

    tee = emulate(Counter, secure_threads=8)
    session = opened(tee, Counter)

    calls = [invoke(tee, session, 0) for _ in range(8)]

    assert [call.result(10).result for call in calls] == [0] * 8
    assert Counter.most == 1


def test_all_single_instances_share_one_turn(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    invoke: Callable[..., Future[Answer]],
    gate: type[TrustedApplication],
) -> None:
    class One(gate):
        uuid = UUID(int=12)
        single_instance = True

    class Other(One):
        uuid = UUID(int=13)

    tee = emulate(One, Other, gate, secure_threads=3)
    one, other, free = opened(tee, One), opened(tee, Other), opened(tee, gate)
    held = invoke(tee, one, HOLD)
    assert gate.entered.acquire(timeout=10)
    kept_out = invoke(tee, other, HOLD)
    assert tee.threads.wait_until(taken=2)

    assert invoke(tee, free, NOP).result(10).result == 0
    assert not gate.entered.acquire(blocking=False)
    gate.leave.set()

    assert [held.result(10).result, kept_out.result(10).result] == [0, 0]


def test_a_session_can_be_opened_beside_a_running_one(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    invoke: Callable[..., Future[Answer]],
    gate: type[TrustedApplication],
) -> None:
    tee = emulate(gate)
    invoke(tee, opened(tee, gate), HOLD)
    assert gate.entered.acquire(timeout=10)

    assert tee.invoke(opened(tee, gate), NOP, (), 0).result == 0


def test_an_opening_that_waits_for_its_turn_fails_when_the_instance_dies(
    emulate: Callable[..., Emulator],
    opening: Callable[..., Opening],
    opened: Callable[..., int],
    invoke: Callable[..., Future[Answer]],
    start: Callable[..., Future[Answer]],
    gate: type[TrustedApplication],
) -> None:
    class Doomed(gate):
        uuid = UUID(int=14)
        single_instance = multi_session = True

        @command(2)
        def die(self, session: Session) -> None:
            self.hold.method(self, session)
            self.panic(1)

    tee = emulate(Doomed)
    session = opened(tee, Doomed)
    death = invoke(tee, session, 2)
    assert gate.entered.acquire(timeout=10)
    late = start(tee.open_session, opening(Doomed))
    assert tee.threads.wait_until(taken=2)
    gate.leave.set()

    assert death.result(10).is_dead
    assert late.result(10).is_dead
    assert tee.open_sessions == {session}


def test_cancel_ends_a_wait_that_is_not_masked(
    tee: Emulator, opened: Callable[..., int], invoke: Callable[..., Future[Answer]]
) -> None:
    session = opened(tee, TeedTest)
    call = invoke(tee, session, WAIT, _wait(INFINITE, UNMASKED))
    assert tee.threads.wait_until(taken=1)

    tee.cancel(session, 0)

    answer = call.result(10)
    assert (answer.result, answer.origin) == (Result.ERROR_CANCEL, Origin.TRUSTED_APP)


def test_cancel_does_nothing_to_a_masked_wait(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    invoke: Callable[..., Future[Answer]],
    gate: type[TrustedApplication],
) -> None:
    class Masked(gate):
        uuid = UUID(int=15)

        @command(2)
        def wait(self, session: Session) -> int:
            self.hold.method(self, session)
            return session.wait(1)

    tee = emulate(Masked)
    session = opened(tee, Masked)
    call = invoke(tee, session, 2)
    assert gate.entered.acquire(timeout=10)

    tee.cancel(session, 0)
    gate.leave.set()

    assert call.result(10).result == 0


def test_a_cancellation_that_comes_too_late_hits_the_next_command_and_no_more(
    tee: Emulator, opened: Callable[..., int]
) -> None:
    session = opened(tee, TeedTest)
    tee.cancel(session, 0)

    assert tee.invoke(session, WAIT, _wait(1, UNMASKED), 0).result == Result.ERROR_CANCEL
    assert tee.invoke(session, WAIT, _wait(1, UNMASKED), 0).result == 0


def test_a_cancellation_is_spent_by_a_command_that_did_not_look(
    tee: Emulator, opened: Callable[..., int]
) -> None:
    session = opened(tee, TeedTest)
    tee.cancel(session, 0)

    assert tee.invoke(session, 0, (), 0).result == 0
    assert tee.invoke(session, WAIT, _wait(1, UNMASKED), 0).result == 0


def test_each_command_begins_with_cancellation_masked(
    tee: Emulator, opened: Callable[..., int]
) -> None:
    session = opened(tee, TeedTest)
    assert tee.invoke(session, WAIT, _wait(0, UNMASKED), 0).result == 0
    tee.cancel(session, 0)

    assert tee.invoke(session, WAIT, _wait(1, MASKED), 0).result == 0


def test_cancelling_one_session_leaves_the_others_alone(
    tee: Emulator, opened: Callable[..., int]
) -> None:
    first, second = opened(tee, TeedTest), opened(tee, TeedTest)

    tee.cancel(first, 0)

    assert tee.invoke(second, WAIT, _wait(1, UNMASKED), 0).result == 0


@pytest.mark.parametrize("call", ["cancel", "close_session"])
def test_cancel_and_close_need_a_thread_too(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    invoke: Callable[..., Future[Answer]],
    start: Callable[..., Future[Answer]],
    gate: type[TrustedApplication],
    call: str,
) -> None:
    tee = emulate(gate, secure_threads=1)
    busy, idle = opened(tee, gate), opened(tee, gate)
    held = invoke(tee, busy, HOLD)
    assert gate.entered.acquire(timeout=10)

    arguments = (idle, 0) if call == "cancel" else (idle,)
    late = start(getattr(tee, call), *arguments)
    assert tee.threads.wait_until(taken=1, waiting=1)
    assert not late.done()
    gate.leave.set()

    assert late.result(10) is None
    assert held.result(10).result == 0


def test_closing_a_session_waits_for_what_runs_in_it(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    invoke: Callable[..., Future[Answer]],
    start: Callable[..., Future[Answer]],
    gate: type[TrustedApplication],
) -> None:
    tee = emulate(gate)
    session = opened(tee, gate)
    held = invoke(tee, session, HOLD)
    assert gate.entered.acquire(timeout=10)
    closing = start(tee.close_session, session)
    assert tee.threads.wait_until(taken=2)

    for call in (lambda: tee.invoke(session, NOP, (), 0), lambda: tee.cancel(session, 0)):
        with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
            call()
    assert not closing.done()
    gate.leave.set()

    assert held.result(10).result == 0
    assert closing.result(10) is None


def test_calls_that_wait_for_a_session_fail_when_it_is_closed(
    start: Callable[..., Future[Answer]],
) -> None:
    closing, leave = threading.Event(), threading.Event()

    class SlowToClose(TrustedApplication):
        uuid = UUID(int=16)

        @command(0)
        def nop(self, session: Session) -> None:
            """Nothing."""

        def close_session(self, session: Session) -> None:
            closing.set()
            assert leave.wait(10)

    threads = SecureThreads(2)
    world = SecureWorld([SlowToClose], threads, 1, State(None))
    nothing = Arguments((), ())
    session = world.open(SlowToClose.uuid, Identity(0, UUID(int=0)), nothing).session
    closed = start(world.close, session)
    assert closing.wait(10)
    late = start(world.invoke, session, 0, nothing)
    assert threads.wait_until(taken=2)
    leave.set()

    assert closed.result(10) is None
    answer = late.result(10)
    assert (answer.result, answer.origin) == (Result.ERROR_BAD_PARAMETERS, Origin.TEE)
