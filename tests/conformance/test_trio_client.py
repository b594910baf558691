"""The trio client does what the blocking one does, and its cancellation reaches the TEE."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from teed_client import Context, Direction, TeeError, Value
from teed_client.trio import open_context

from .applications import TEED_TEST, Command

Settled = Callable[[Callable[[dict[str, int]], bool]], dict[str, int]]


async def test_a_session_a_buffer_and_a_call(socket_path: Path) -> None:
    async with (
        open_context(socket_path) as context,
        await context.open_session(TEED_TEST) as session,
    ):
        value = Value(41, 0, Direction.INOUT)
        given, out = Value(direction=Direction.INPUT), Value(direction=Direction.OUTPUT)
        await session.invoke(Command.VALUES, given, out, value)
        assert value.a == 42


async def test_a_cancelled_task_leaves_no_call_behind(
    socket_path: Path, watcher: Context, settled: Settled
) -> None:
    async with (
        open_context(socket_path) as context,
        await context.open_session(TEED_TEST) as session,
    ):
        before = watcher.status()["invocations"]
        async with trio.open_nursery() as nursery:
            forever = Value(600_000, 1, Direction.INPUT)
            nursery.start_soon(session.invoke, Command.WAIT, forever)
            await trio.to_thread.run_sync(
                lambda: settled(lambda status: status["invocations"] > before)
            )
            nursery.cancel_scope.cancel()
        await session.invoke(Command.NOP)


async def test_the_tees_no_is_an_exception(socket_path: Path) -> None:
    async with (
        open_context(socket_path) as context,
        await context.open_session(TEED_TEST) as session,
    ):
        with pytest.raises(TeeError, match="NOT_SUPPORTED"):
            await session.invoke(999)
