"""One session for many processes."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from teed_client import Context, Direction, Session, TeeError, Value
from teed_protocol.codes import Origin, Result

from . import applications
from .applications import Command
from .processes import Child

PROCESSES = 100

FULL = {
    "emulator": (range(50, 51), [Result.ERROR_OUT_OF_MEMORY]),
    "linux": (range(50, 54), [Result.ERROR_OUT_OF_MEMORY, Result.ERROR_SECURITY]),
}
"""How many sessions a TEE opens, and what it says to one more.

How many OP-TEE 4.5 does, as Debian builds it, depends on what else is in its memory, and so
does what it says: SECURITY when none is left to check the application's signature.
"""


def count(session: Session) -> int:
    counted = Value(direction=Direction.OUTPUT)
    session.invoke(Command.COUNT, counted)
    return counted.a


def test_a_hundred_processes_that_start_together_cause_one_open(
    socket_path: Path, watcher: Context
) -> None:
    before = watcher.status()["openings"]

    release, hold = socket.socketpair()

    def sharer(report: Callable[[Any], None]) -> None:
        release.close()  # the parent's copy is then the only one, and closing it ends the wait
        with (
            Context(socket_path) as context,
            context.open_session(applications.TEED_TEST, share="hundred") as session,
        ):
            report(count(session))
            hold.recv(1)

    children = [Child(sharer) for _ in range(PROCESSES)]
    counts = [child.next() for child in children]
    status = watcher.status()
    release.close()
    hold.close()
    assert [child.wait() for child in children] == [0] * PROCESSES

    assert sorted(counts) == list(range(1, PROCESSES + 1))
    assert status["openings"] == before + 1
    assert status["channels"] == PROCESSES
    assert status["sessions"] == 1


def test_separate_sessions_exhaust_the_tee_where_a_shared_one_does_not(
    context: Context,
) -> None:
    sessions: list[Session] = []
    with ExitStack() as opened, pytest.raises(TeeError) as failed:
        sessions.extend(
            opened.enter_context(context.open_session(applications.TEED_TEST))
            for _ in range(PROCESSES)
        )
    room, words = FULL[context.driver]
    assert len(sessions) in room
    assert failed.value.code in words
    assert failed.value.origin == Origin.TEE


def test_the_death_of_a_sharer_takes_nothing_but_its_own_channel(
    socket_path: Path,
    watcher: Context,
    context: Context,
    settled: Callable[[Callable[[dict[str, int]], bool]], dict[str, int]],
) -> None:
    def sharer(report: Callable[[Any], None]) -> None:
        with (
            Context(socket_path) as context,
            context.open_session(applications.TEED_TEST, share="mortal") as session,
        ):
            report(count(session))
            session.invoke(Command.WAIT, Value(60_000, 1, Direction.INPUT))

    with context.open_session(applications.TEED_TEST, share="mortal") as session:
        assert count(session) == 1
        child = Child(sharer)
        assert child.next() == 2
        settled(lambda status: status["channels"] == 2)
        child.kill()
        child.wait()
        settled(lambda status: status["channels"] == 1)
        assert count(session) == 3


def test_the_last_to_leave_closes_the_session(context: Context, watcher: Context) -> None:
    with context.open_session(applications.TEED_TEST, share="last") as one:
        with context.open_session(applications.TEED_TEST, share="last") as other:
            assert (count(one), count(other)) == (1, 2)
        assert count(one) == 3
    assert watcher.status()["sessions"] == 0
    with context.open_session(applications.TEED_TEST, share="last") as anew:
        assert count(anew) == 1


def test_a_name_stands_for_one_application(context: Context) -> None:
    with context.open_session(applications.TEED_TEST, share="taken"):
        with pytest.raises(TeeError) as failed:
            context.open_session(applications.HELLO_WORLD, share="taken")
        assert failed.value.reason == "share"


def test_a_dead_shared_session_makes_way_for_a_new_one(context: Context) -> None:
    with context.open_session(applications.TEED_TEST, share="dead") as dead:
        with pytest.raises(TeeError, match="TARGET_DEAD"):
            dead.invoke(Command.PANIC, Value(1, direction=Direction.INPUT))
        with context.open_session(applications.TEED_TEST, share="dead") as alive:
            assert count(alive) == 1
        with pytest.raises(TeeError, match="TARGET_DEAD"):
            dead.invoke(Command.NOP)


def test_a_busy_single_instance_can_be_shared(context: Context) -> None:
    with (
        context.open_session(applications.SINGLE, share="single") as one,
        context.open_session(applications.SINGLE, share="single") as other,
    ):
        assert (count(one), count(other)) == (1, 2)
