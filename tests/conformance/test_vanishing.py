"""A client that is killed leaves nothing: no session, buffer, descriptor or thread."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from teed_client import Context, Direction, Session, Value, Whole

from . import applications
from .applications import Command
from .processes import Child

KILLS = 200
IDLE_THREADS = 4
"""trio keeps a thread for ten seconds in case there is more work for it."""

Call = Callable[[Context, Session], None]
Settled = Callable[[Callable[[dict[str, int]], bool]], dict[str, int]]


def wait_for_ever(context: Context, session: Session) -> None:
    session.invoke(Command.WAIT, Value(600_000, 1, Direction.INPUT))


def wait_masked(context: Context, session: Session) -> None:
    session.invoke(Command.WAIT, Value(100, 0, Direction.INPUT))


def spin(context: Context, session: Session) -> None:
    session.invoke(Command.SPIN, Value(100, 0, Direction.INPUT))


def change_a_buffer(context: Context, session: Session) -> None:
    with context.allocate(2**20) as buffer:
        session.invoke(Command.XOR, Whole(buffer), Value(1, direction=Direction.INPUT))


CALLS: list[Call] = [wait_for_ever, wait_masked, spin, change_a_buffer]


@pytest.mark.parametrize("share", [None, "killed"], ids=["alone", "shared"])
def test_killed_during_a_call_a_hundred_times(
    socket_path: Path, watcher: Context, settled: Settled, share: str | None
) -> None:
    before = watcher.status()
    for turn in range(KILLS // 2):
        _kill_during(CALLS[turn % len(CALLS)], socket_path, watcher, settled, share)
    settled(
        lambda status: all(
            status[name] == before[name]
            for name in before
            if name not in ("openings", "invocations", "threads")
        )
    )
    assert watcher.status()["threads"] <= before["threads"] + IDLE_THREADS


def _kill_during(
    call: Call, socket_path: Path, watcher: Context, settled: Settled, share: str | None
) -> None:
    def client(report: Callable[[Any], None]) -> None:
        with Context(socket_path) as context:
            context.allocate(100)
            session = context.open_session(applications.TEED_TEST, share=share)
            while True:
                call(context, session)

    calls = watcher.status()["invocations"]
    child = Child(client)
    settled(lambda status: status["invocations"] > calls)
    child.kill()
    assert child.wait() == -9


def test_killed_while_a_session_opens(
    socket_path: Path, watcher: Context, settled: Settled
) -> None:
    def client(report: Callable[[Any], None]) -> None:
        with Context(socket_path) as context:
            report("opening")
            slow = Value(applications.WAIT_IN_OPEN, 300, Direction.INPUT)
            context.open_session(applications.TEED_TEST, slow)

    for _ in range(5):
        child = Child(client)
        assert child.next() == "opening"
        settled(lambda status: status["sessions"] == 1)
        child.kill()
        child.wait()
    settled(lambda status: status["sessions"] == 0)


def test_killed_while_it_waits_behind_another(
    socket_path: Path, watcher: Context, context: Context, settled: Settled
) -> None:
    def client(report: Callable[[Any], None]) -> None:
        with (
            Context(socket_path) as context,
            context.open_session(applications.TEED_TEST, share="queue") as session,
        ):
            report("calling")
            session.invoke(Command.WAIT, Value(300, 0, Direction.INPUT))

    with context.open_session(applications.TEED_TEST, share="queue") as session:
        children = [Child(client) for _ in range(4)]
        for child in children:
            assert child.next() == "calling"
        for child in children:
            child.kill()
            child.wait()
        settled(lambda status: status["channels"] == 1)
        session.invoke(Command.NOP)
