"""What threads of one client do beside each other: panics, openings, calls."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from teed_client import INOUT, INPUT, OUTPUT, Context, Partial, TeeError, Value
from teed_protocol.codes import Origin, Result

from . import applications
from .applications import Command

THREADS, ROUNDS, PANICS = 3, 8, 6
SIZE = 4096
DEAD = (Result.ERROR_TARGET_DEAD, Origin.TEE)

Outcome = tuple[int, int] | None


def once(context: Context, application: str, command: Command) -> Outcome:
    """Open, call, close: the code and the origin of what failed."""
    try:
        with context.open_session(application) as session:
            session.invoke(command, Value(1, direction=INPUT))
    except TeeError as failed:
        return failed.code, failed.origin
    return None


def repeatedly(
    times: int, context: Context, application: str, command: Command
) -> set[Outcome]:
    return {once(context, application, command) for _ in range(times)}


def beside_panics(context: Context, application: str) -> tuple[set[Outcome], set[Outcome]]:
    """What becomes of those that panic, and of those that others use meanwhile."""
    with ThreadPoolExecutor() as threads:
        users = [
            threads.submit(repeatedly, ROUNDS, context, application, Command.NOP)
            for _ in range(THREADS)
        ]
        panics = threads.submit(repeatedly, PANICS, context, application, Command.PANIC)
        return panics.result(), set().union(*(each.result() for each in users))


def test_a_panic_beside_openings_ends_its_own_instance_only(context: Context) -> None:
    panicked, used = beside_panics(context, applications.TEED_TEST)
    assert panicked == {DEAD}
    assert used == {None}
    assert once(context, applications.TEED_TEST, Command.NOP) is None


def test_a_panic_of_an_instance_that_others_use_is_told_to_its_sessions_only(
    context: Context,
) -> None:
    with context.open_session(applications.TEED_TEST) as bystander:
        panicked, used = beside_panics(context, applications.SINGLE_MULTI)
        bystander.invoke(Command.NOP)
    assert panicked == {DEAD}
    assert used <= {None, DEAD}
    assert once(context, applications.SINGLE_MULTI, Command.NOP) is None


@pytest.mark.parametrize("own", [True, False], ids=["registered", "allocated"])
def test_what_one_call_writes_is_not_lost_to_another_one(context: Context, own: bool) -> None:
    def describe(over: Callable[[], bool]) -> None:
        while not over():
            reader.invoke(
                Command.DESCRIBE, Partial(buffer, 0, SIZE, INPUT), Value(direction=OUTPUT)
            )

    with (
        context.open_session(applications.TEED_TEST) as writer,
        context.open_session(applications.TEED_TEST) as reader,
        context.register(bytearray(SIZE)) if own else context.allocate(SIZE) as buffer,
        ThreadPoolExecutor(1) as threads,
    ):
        over = threading.Event()
        reading = threads.submit(describe, over.is_set)
        lost = 0
        for _ in range(200):
            wanted = buffer.view[0] ^ 0xFF
            writer.invoke(
                Command.XOR, Partial(buffer, 0, 64, INOUT), Value(0xFF, direction=INPUT)
            )
            lost += buffer.view[0] != wanted
        over.set()
        reading.result()
    assert not lost
