"""More at a time than teed takes: what has to wait does, and what is urgent does not."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import trio
import trio.testing

from teed_client import Cancellation, Context, Result, Session, TeeError
from teed_client import trio as trio_client
from teed_protocol.calls import Cancel, Release, Status

from .conftest import UUID
from .fake_teed import MOST_OUTSTANDING, PATIENCE, FakeTeed, Params, Reply

MANY = 100
USUAL = 48
CANCELLED = (Result.ERROR_CANCEL, 4)


class Held:
    """A method that is answered only when it is let go; the calls of an application too."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def __call__(self, params: list[Any], teed: FakeTeed, method: str) -> Reply:
        assert self.open.wait(PATIENCE)
        return getattr(teed, f"_{method}", lambda params: Reply())(params)  # type: ignore[no-any-return]

    def hold(self, teed: FakeTeed, method: str) -> None:
        teed.methods[method] = lambda params: self(params, teed, method)


class Releases:
    """Answered when as many are outstanding as may be; ``crowded`` if that was not all."""

    def __init__(self, teed: FakeTeed, most: int = MOST_OUTSTANDING) -> None:
        self.crowded: bool | None = None
        self._teed, self._most = teed, most
        self._lock = threading.Lock()
        teed.methods["release"] = self

    def __call__(self, params: list[Any]) -> Reply:
        self._teed.wait_until_heard("release", self._most)
        with self._lock:
            if self.crowded is None:
                self.crowded = self._teed.is_asked_for_more()
        return Reply()


@pytest.fixture
def held(teed: FakeTeed) -> Iterator[Held]:
    """Openings that take long."""
    held = Held()
    held.hold(teed, "open")
    yield held
    held.open.set()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MANY) as threads:
        yield threads


def _open_many(
    teed: FakeTeed, context: Context, threads: ThreadPoolExecutor
) -> list["Future[Session]"]:
    """So many openings at once that there is a place for some of them only."""
    before = teed.methods_heard().count("open")
    opening = [threads.submit(context.open_session, UUID) for _ in range(MANY)]
    teed.wait_until_heard("open", before + USUAL)
    return opening


def _close_all(opening: list["Future[Session]"]) -> None:
    for each in opening:
        each.result(PATIENCE).close()


def test_openings_wait_for_their_turn(
    teed: FakeTeed, context: Context, held: Held, threads: ThreadPoolExecutor
) -> None:
    opening = _open_many(teed, context, threads)
    held.open.set()
    _close_all(opening)
    assert teed.methods_heard().count("open") == MANY


def test_while_openings_wait_a_call_can_be_cancelled_and_a_session_closed(
    teed: FakeTeed, context: Context, threads: ThreadPoolExecutor
) -> None:
    entered = threading.Event()

    def until_cancelled(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        entered.set()
        teed.wait_until_heard("cancel")
        return CANCELLED

    teed.application = until_cancelled
    session, other = context.open_session(UUID), context.open_session(UUID)
    buffer = context.allocate(1)
    held = Held()
    held.hold(teed, "open")
    cancellation = Cancellation()
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(session.invoke, 0, cancellation=cancellation)
        assert entered.wait(PATIENCE)
        opening = _open_many(teed, context, threads)
        cancellation.request()
        with pytest.raises(TeeError, match="CANCEL"):
            call.result(PATIENCE)
    other.close()
    buffer.release()
    held.open.set()
    _close_all(opening)


def test_an_opening_that_is_cancelled_before_its_turn_is_not_sent(
    teed: FakeTeed, context: Context, held: Held, threads: ThreadPoolExecutor
) -> None:
    opening = [threads.submit(context.open_session, UUID) for _ in range(USUAL)]
    teed.wait_until_heard("open", USUAL)
    cancellation = Cancellation()
    late = threads.submit(context.open_session, UUID, cancellation=cancellation)
    cancellation.request()
    held.open.set()
    with pytest.raises(TeeError) as cancelled:
        late.result(PATIENCE)
    assert (cancelled.value.code, cancelled.value.origin) == (Result.ERROR_CANCEL, 2)
    _close_all(opening)
    assert teed.methods_heard().count("open") == USUAL


def test_what_nobody_waits_for_is_sent_as_answers_come(
    teed: FakeTeed, context: Context
) -> None:
    releases = Releases(teed)
    for number in range(MANY):
        context._client.release_later(number)
    context._control.tell(Cancel(1, 1))
    teed.wait_until_heard("release", MANY)
    teed.wait_until_heard("cancel")
    assert releases.crowded is False


def test_a_signal_handler_leaves_what_has_no_place_to_whoever_reads(
    teed: FakeTeed, context: Context
) -> None:
    def fill(*_: object) -> None:
        for number in range(MANY):
            context._control.tell(Release(number))

    def interrupt(params: list[Any]) -> Reply:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        teed.wait_until_heard("release", MANY)
        return Reply({})

    releases = Releases(teed, MOST_OUTSTANDING - 1)
    teed.methods["status"] = interrupt
    before = signal.signal(signal.SIGUSR1, fill)
    try:
        context.status()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert releases.crowded is False


def test_what_cannot_be_sent_takes_no_place(context: Context) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    for _ in range(USUAL):
        with pytest.raises(OSError, match="Bad file descriptor"):
            context.register_memfd(reading, 1)
    assert context._client.conversation.ask(Status()) is not None


def test_those_who_wait_for_their_turn_hear_that_teed_has_hung_up(
    teed: FakeTeed, context: Context, held: Held, threads: ThreadPoolExecutor
) -> None:
    opening = _open_many(teed, context, threads)
    teed.hang_up()
    for each in opening:
        with pytest.raises(TeeError, match="closed the connection"):
            each.result(PATIENCE)


# The same with trio


async def _open_and_close(context: trio_client.Context) -> None:
    await (await context.open_session(UUID)).aclose()


async def _heard(teed: FakeTeed, method: str, times: int) -> None:
    await trio.to_thread.run_sync(teed.wait_until_heard, method, times)


async def test_openings_of_tasks_wait_for_their_turn(teed: FakeTeed, held: Held) -> None:
    with trio.fail_after(PATIENCE):
        async with (
            trio_client.open_context(teed.path) as context,
            trio.open_nursery() as nursery,
        ):
            for _ in range(MANY):
                nursery.start_soon(_open_and_close, context)
            await _heard(teed, "open", USUAL)
            await trio.testing.wait_all_tasks_blocked()
            assert not teed.is_asked_for_more()
            assert teed.outstanding == USUAL
            held.open.set()
    assert teed.methods_heard().count("close") == MANY


async def _cancelled_while_it_waits(context: trio_client.Context) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(context.status)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_a_task_that_is_cancelled_before_its_turn_has_sent_nothing(
    teed: FakeTeed, held: Held
) -> None:
    with trio.fail_after(PATIENCE):
        async with (
            trio_client.open_context(teed.path) as context,
            trio.open_nursery() as nursery,
        ):
            for _ in range(USUAL):
                nursery.start_soon(_open_and_close, context)
            await _heard(teed, "open", USUAL)
            for _ in range(3):
                await _cancelled_while_it_waits(context)
            nursery.start_soon(context.status)
            held.open.set()
    heard = teed.methods_heard()
    assert (heard.count("status"), heard.count("cancel")) == (1, 0)


async def test_who_reads_while_it_waits_for_its_turn_may_be_cancelled(teed: FakeTeed) -> None:
    with trio.fail_after(PATIENCE):
        async with (
            trio_client.open_context(teed.path) as context,
            trio.open_nursery() as nursery,
        ):
            conversation = context._client.conversation
            taken = [conversation.ask(Status()) for _ in range(USUAL)]  # and not sent
            with trio.CancelScope() as reader:
                async with trio.open_nursery() as readers:
                    readers.start_soon(context.status)
                    await trio.testing.wait_all_tasks_blocked()
                    nursery.start_soon(context.status)
                    await trio.testing.wait_all_tasks_blocked()
                    reader.cancel()
            for number, _ in filter(None, taken):
                conversation.retract(number)
            teed.say_unread()
    assert teed.methods_heard().count("status") == 1


async def test_cancelled_tasks_cancel_their_openings_although_all_places_are_taken(
    teed: FakeTeed, held: Held
) -> None:
    with trio.fail_after(PATIENCE):
        async with trio_client.open_context(teed.path) as context:
            async with trio.open_nursery() as nursery:
                for _ in range(MANY):
                    nursery.start_soon(_open_and_close, context)
                await _heard(teed, "open", USUAL)
                nursery.cancel_scope.cancel()
                with trio.CancelScope(shield=True):
                    await _heard(teed, "cancel", USUAL)
                held.open.set()
            await context.status()
    assert teed.methods_heard().count("open") == USUAL


async def test_what_nobody_waits_for_is_sent_by_tasks_as_answers_come(teed: FakeTeed) -> None:
    releases = Releases(teed)
    with trio.fail_after(PATIENCE):
        async with trio_client.open_context(teed.path) as context:
            for number in range(MANY):
                context._client.release_later(number)
            await context._control.tell(Release(MANY))
            await _heard(teed, "release", MANY + 1)
    assert releases.crowded is False
