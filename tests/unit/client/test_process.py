"""What a forked child has of its parent's connections: nothing that would keep them alive."""

import contextlib
import os
import socket
from collections.abc import Callable

import pytest

from teed_client import Context, TeeError
from teed_client import trio as trio_client
from teed_client.answer import Answer

from .conftest import UUID
from .fake_teed import FakeTeed

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def _in_a_child(work: Callable[[], bool]) -> bool:
    """Whether it went well there."""
    child = os.fork()
    if not child:
        well = False
        try:
            well = work()
        finally:
            os._exit(0 if well else 1)
    return os.waitpid(child, 0)[1] == 0


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_a_child_holds_no_connection_of_its_parent(teed: FakeTeed, context: Context) -> None:
    with context.open_session(UUID) as session:
        mine = [context._control._socket.fileno(), session._channel.fileno()]
        assert _in_a_child(lambda: not any(map(_is_open, mine)))
        assert all(map(_is_open, mine))
        session.invoke(0)
        context.status()


def test_a_child_holds_no_channel_that_its_parent_has_just_received() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        answer = Answer(ours.detach())
        assert _in_a_child(lambda: answer.take_descriptor() is None)
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
        answer.close()
        assert theirs.recv(1) == b""


def test_closing_in_a_child_spares_what_has_got_the_number_of_a_connection(
    context: Context,
) -> None:
    session = context.open_session(UUID)
    numbers = {context._control._socket.fileno(), session._channel.fileno()}

    def child() -> bool:
        nonlocal session
        pipes = [*os.pipe(), *os.pipe()]
        reused = numbers & set(pipes)
        session.close()
        context.close()
        del session
        return len(reused) == 2 and all(map(_is_open, pipes))

    assert _in_a_child(child)
    session.invoke(0)
    session.close()


def test_a_child_of_a_child_holds_no_connection_of_either(teed: FakeTeed) -> None:
    def child() -> bool:
        with Context(teed.path) as own:
            number = own._control._socket.fileno()
            return _in_a_child(lambda: not _is_open(number)) and bool(own.status())

    assert _in_a_child(child)


async def test_a_child_takes_nothing_from_the_event_loop_of_its_parent(teed: FakeTeed) -> None:
    async with (
        trio_client.open_context(teed.path) as context,
        await context.open_session(UUID) as session,
    ):
        mine = [context._control._socket.fileno(), session._channel.fileno()]
        await session.invoke(0)
        assert _in_a_child(lambda: not any(map(_is_open, mine)))
        await session.invoke(0)
        await context.status()


async def test_in_a_child_the_trio_client_says_that_it_is_not_its_own(teed: FakeTeed) -> None:
    async with (
        trio_client.open_context(teed.path) as context,
        await context.open_session(UUID) as session,
    ):

        def child() -> bool:
            for call in (session.invoke(0), context.status(), context.allocate(1)):
                with pytest.raises(TeeError) as refused:
                    call.send(None)
                assert refused.value.reason == "forked"
            for closing in (session.aclose(), context.aclose()):
                with contextlib.suppress(StopIteration):
                    closing.send(None)
            return True

        assert _in_a_child(child)
        await session.invoke(0)
