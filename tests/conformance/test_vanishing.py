"""A client that is killed leaves nothing: no session, buffer, descriptor or thread."""

import itertools
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from teed_client import Context, Direction, Session, Value, Whole

from . import applications
from .applications import Command
from .processes import Child

KILLS = 200
IDLE_SECONDS = 11
"""For ten seconds trio keeps a thread, in case there is more work for it."""

PATIENCE_SECONDS = 120

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


SHARES = [None, "killed"]


def test_killed_during_a_call_two_hundred_times(
    socket_path: Path, watcher: Context, settled: Settled
) -> None:
    before = _at_rest(watcher)
    ways = itertools.cycle(itertools.product(CALLS, SHARES))
    for call, share in itertools.islice(ways, KILLS):
        _kill_during(call, socket_path, watcher, settled, share)
    settled(lambda status: _left(status) == _left(before))


def _left(status: dict[str, int]) -> dict[str, int]:
    """What there is: sessions, channels, buffers, bytes, descriptors, threads and the like."""
    happened = ("openings", "invocations")
    return {name: count for name, count in status.items() if name not in happened}


def _at_rest(watcher: Context) -> dict[str, int]:
    """The daemon's state when no thread is left of those that end by themselves."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    status, since = watcher.status(), time.monotonic()
    while time.monotonic() < since + IDLE_SECONDS:
        assert time.monotonic() < deadline, "threads begin, though nothing happens"
        now = watcher.status()
        if now["threads"] > status["threads"]:
            since = time.monotonic()
        status = now
    return status


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


def test_killed_while_a_child_of_it_lives_on(
    socket_path: Path, watcher: Context, settled: Settled
) -> None:
    release, hold = socket.socketpair()

    def client(report: Callable[[Any], None]) -> None:
        release.close()
        with Context(socket_path) as context, context.open_session(applications.TEED_TEST):
            if not os.fork():
                report("forked")
                hold.recv(1)
                os._exit(0)
            signal.pause()

    with hold, release:
        child = Child(client)
        assert child.next() == "forked"
        assert watcher.status()["sessions"] == 1
        child.kill()
        assert child.wait() == -9
        settled(lambda status: status["sessions"] == 0)


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
