"""Registered memory that calls in flight share: what one of them wrote is not lost."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from teed_client import (
    INOUT,
    INPUT,
    OUTPUT,
    Buffer,
    Cancellation,
    Context,
    Direction,
    Partial,
    Session,
    TeeError,
    Whole,
)
from teed_client import trio as trio_client
from teed_client.shadow import parts_outside
from teed_protocol.errors import RemoteProtocolError

from .conftest import UUID
from .fake_teed import PATIENCE, SUCCESS, FakeTeed, Params, Reply, refusal

WRITE, LOOK = 1, 2
SIZE = 16

Failing = Callable[[FakeTeed, Context, Session, Buffer], None]

spans = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted).map(tuple)


class Torn(Exception):
    """Raised by a signal handler, as KeyboardInterrupt is."""


class Writer:
    """WRITE writes to the first half, and stays until it is let go; LOOK sees what is there."""

    def __init__(self) -> None:
        self.written = threading.Event()
        self.open = threading.Event()
        self.seen: list[bytes] = []

    def __call__(self, command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        memory = teed.memory(params[0])
        if command == LOOK:
            self.seen.append(bytes(memory))
            return SUCCESS
        memory[:4] = b"made"
        self.written.set()
        assert self.open.wait(PATIENCE)
        return SUCCESS


@pytest.fixture
def writer(teed: FakeTeed) -> Iterator[Writer]:
    writer = Writer()
    teed.application = writer
    yield writer
    writer.open.set()


@pytest.fixture
def memory() -> bytearray:
    return bytearray(b"0123456789abcdef")


@pytest.fixture
def buffer(context: Context, memory: bytearray) -> Iterator[Buffer]:
    with context.register(memory) as buffer:
        yield buffer


@given(spans, st.lists(spans, max_size=5))
def test_the_parts_outside_are_all_bytes_that_are_not_taken(
    span: tuple[int, int], taken: list[tuple[int, int]]
) -> None:
    left = list(parts_outside(span, taken))
    within = {byte for start, end in taken for byte in range(start, end)}
    assert [byte for start, end in left for byte in range(start, end)] == [
        byte for byte in range(*span) if byte not in within
    ]
    assert all(start < end for start, end in left)


@pytest.mark.parametrize("direction", [INPUT, OUTPUT, INOUT])
def test_a_call_leaves_alone_what_another_one_has_written(
    context: Context,
    session: Session,
    writer: Writer,
    memory: bytearray,
    buffer: Buffer,
    direction: Direction,
) -> None:
    with ThreadPoolExecutor(1) as threads, context.open_session(UUID) as other:
        call = threads.submit(session.invoke, WRITE, Partial(buffer, 0, 8, OUTPUT))
        assert writer.written.wait(PATIENCE)
        memory[8:] = b"ABCDEFGH"
        other.invoke(LOOK, Partial(buffer, 0, SIZE, direction))
        writer.open.set()
        call.result(PATIENCE)
    assert writer.seen == [b"made4567ABCDEFGH"]
    assert memory == b"made4567ABCDEFGH"


def test_what_the_other_call_only_reads_is_copied_in(
    context: Context, session: Session, writer: Writer, memory: bytearray, buffer: Buffer
) -> None:
    with ThreadPoolExecutor(1) as threads, context.open_session(UUID) as other:
        call = threads.submit(session.invoke, WRITE, Partial(buffer, 0, 8, INPUT))
        assert writer.written.wait(PATIENCE)
        other.invoke(LOOK, Whole(buffer))
        writer.open.set()
        call.result(PATIENCE)
    assert writer.seen == [b"0123456789abcdef"]


def test_after_a_call_its_outputs_are_copied_in_again(
    session: Session, writer: Writer, memory: bytearray, buffer: Buffer
) -> None:
    writer.open.set()
    session.invoke(WRITE, Partial(buffer, 0, 8, OUTPUT), Partial(buffer, 4, 8, INOUT))
    memory[:] = b"fedcba9876543210"
    session.invoke(LOOK, Whole(buffer))
    assert writer.seen == [b"fedcba9876543210"]


def _withdrawn(teed: FakeTeed, context: Context, session: Session, buffer: Buffer) -> None:
    cancellation = Cancellation()
    cancellation.request()
    session.invoke(LOOK, Whole(buffer), cancellation=cancellation)


def _refused(teed: FakeTeed, context: Context, session: Session, buffer: Buffer) -> None:
    teed.methods["open"] = lambda params: refusal(0xFFFF0001, "denied")
    context.open_session(UUID, Whole(buffer))


def _torn(teed: FakeTeed, context: Context, session: Session, buffer: Buffer) -> None:
    def tear(params: list[Any]) -> Reply:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        teed.wait_until_heard("status")
        return Reply([0xFFFF0000, 3, params[3], None])

    def handler(*_: object) -> None:
        raise Torn

    teed.methods["open"] = tear
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        context.open_session(UUID, Whole(buffer))
    finally:
        signal.signal(signal.SIGUSR1, before)
        context.status()


def _garbled(teed: FakeTeed, context: Context, session: Session, buffer: Buffer) -> None:
    def garble(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        del params[:]
        return SUCCESS

    application, teed.application = teed.application, garble
    try:
        session.invoke(LOOK, Whole(buffer))
    finally:
        teed.application = application


@pytest.mark.parametrize("failing", [_withdrawn, _refused, _torn, _garbled])
def test_after_a_call_that_failed_its_outputs_are_copied_in_again(
    teed: FakeTeed, context: Context, writer: Writer, memory: bytearray, buffer: Buffer,
    failing: Failing,
) -> None:  # fmt: skip
    with context.open_session(UUID) as session, context.open_session(UUID) as other:
        with pytest.raises((TeeError, Torn, RemoteProtocolError)) as failure:
            failing(teed, context, other, buffer)
        memory[:] = b"fedcba9876543210"
        session.invoke(LOOK, Whole(buffer))
    assert writer.seen == [b"fedcba9876543210"]
    del failure  # which has kept the call until here


async def test_a_call_of_a_task_leaves_alone_what_another_one_has_written(
    teed: FakeTeed, writer: Writer, memory: bytearray
) -> None:
    with trio.fail_after(PATIENCE):
        async with (
            trio_client.open_context(teed.path) as context,
            await context.open_session(UUID) as session,
            await context.open_session(UUID) as other,
            await context.register(memory) as buffer,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(session.invoke, WRITE, Partial(buffer, 0, 8, OUTPUT))
            await trio.to_thread.run_sync(writer.written.wait, PATIENCE)
            await other.invoke(LOOK, Whole(buffer))
            writer.open.set()
    assert writer.seen == [b"made456789abcdef"]
    assert memory == b"made456789abcdef"


async def test_after_a_cancelled_call_of_a_task_its_outputs_are_copied_in_again(
    teed: FakeTeed, writer: Writer, memory: bytearray
) -> None:
    teed.methods["cancel"] = lambda params: writer.open.set() or Reply("requested")
    with trio.fail_after(PATIENCE):
        async with (
            trio_client.open_context(teed.path) as context,
            await context.open_session(UUID) as session,
            await context.register(memory) as buffer,
        ):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(session.invoke, WRITE, Whole(buffer))
                await trio.to_thread.run_sync(writer.written.wait, PATIENCE)
                nursery.cancel_scope.cancel()
            assert memory == b"0123456789abcdef"
            await session.invoke(LOOK, Whole(buffer))
    assert writer.seen == [b"0123456789abcdef"]
