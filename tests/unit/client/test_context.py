"""A context: connecting, memory, forks, and what happens when teed goes away."""

import contextlib
import gc
import os
import select
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack
import numpy
import pytest

from teed_client import (
    Cancellation,
    Capability,
    Context,
    Disconnected,
    Origin,
    Result,
    Session,
    TeeError,
    Whole,
    sealed_memfd,
)
from teed_client.answer import Answer
from teed_client.blocking.control import Control
from teed_client.core import Client
from teed_protocol.calls import BufferMade
from teed_protocol.errors import RemoteProtocolError
from teed_protocol.messages import Response

from .conftest import UUID
from .fake_teed import PATIENCE, SUCCESS, FakeTeed, Params, Reply, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

# Connecting


def test_a_context_knows_whom_it_talks_to(teed: FakeTeed, context: Context) -> None:
    assert teed.heard == [("hello", [[1], "test"])]
    assert (context.driver, context.version) == ("emulator", 1)
    assert context.capabilities == Capability.GP | Capability.REG_MEM | Capability.MEMREF_NULL
    assert context.welcome.server == "fake"


def test_the_environment_says_where_teed_is(
    teed: FakeTeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEED_SOCKET", str(teed.path))
    with Context() as context:
        assert context.driver == "emulator"


def test_where_nobody_listens_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Disconnected, match="is teed running") as missing:
        Context(tmp_path / "missing")
    assert (missing.value.code, missing.value.origin) == (Result.ERROR_COMMUNICATION, 2)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(tmp_path / "dead"))
    with pytest.raises(Disconnected, match="nobody answers there"):
        Context(tmp_path / "dead")
    with pytest.raises(Disconnected, match=str(tmp_path)):
        Context(tmp_path / ("too long" * 20))


def test_a_version_that_was_not_offered_is_not_spoken(teed: FakeTeed) -> None:
    teed.methods["hello"] = lambda params: Reply([2, "fake", "emulator", 1, 1, 13, 4096])
    with pytest.raises(RemoteProtocolError, match="version 2"):
        Context(teed.path)


def test_a_refused_hello_is_told(teed: FakeTeed) -> None:
    teed.methods["hello"] = lambda params: refusal(0xFFFF000A, "version", "too old")
    with pytest.raises(TeeError, match="too old"):
        Context(teed.path)


def test_importing_the_client_loads_no_event_loop_and_no_numpy() -> None:
    script = "import sys, teed_client; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=30
    )
    loaded = set(done.stdout.split())
    assert "teed_client" in loaded
    assert loaded & {"trio", "asyncio", "numpy", "uuid", "teed", "ssl"} == set()


# Memory


def test_memory_has_the_size_that_was_asked_for(teed: FakeTeed, context: Context) -> None:
    teed.methods["allocate"] = lambda params: teed._allocate([4096])
    for size in (0, 1, 100):
        with context.allocate(size) as buffer:
            assert (buffer.size, len(buffer.view)) == (size, size)


def test_memory_can_be_an_array(teed: FakeTeed, context: Context) -> None:
    with context.allocate(16) as buffer:
        array = numpy.frombuffer(buffer.view, "<u4")
        array[:] = [1, 2, 3, 4]
        assert teed.buffers[1][:] == array.tobytes()
        del array


def test_a_view_outlives_the_buffer_that_is_released(teed: FakeTeed, context: Context) -> None:
    buffer = context.allocate(4)
    numbers = numpy.frombuffer(buffer.view, "u1")
    buffer.release()
    buffer.release()
    assert teed.methods_heard().count("release") == 1
    assert numbers.tolist() == [0, 0, 0, 0]
    with pytest.raises(ValueError, match="released"):
        buffer.view  # noqa: B018


def test_a_buffer_that_nobody_has_any_more_is_released(
    teed: FakeTeed, context: Context
) -> None:
    context.allocate(4)
    gc.collect()
    context.status()
    assert teed.wait_until_heard("release") == [1]


def test_a_memfd_of_the_application_is_shared_as_it_is(
    teed: FakeTeed, context: Context, session: Session
) -> None:
    memfd = sealed_memfd(5000)
    with context.register_memfd(memfd, 5000) as buffer:
        os.pwrite(memfd, b"mine", 0)
        os.close(memfd)
        assert teed.buffers[1][:4] == bytes(buffer.view[:4]) == b"mine"
        session.invoke(0, Whole(buffer))


def test_a_sealed_memfd_keeps_its_size() -> None:
    memfd = sealed_memfd(5000)
    try:
        assert os.fstat(memfd).st_size == 5000
        assert not os.get_inheritable(memfd)
        with pytest.raises(PermissionError):
            os.ftruncate(memfd, 0)
    finally:
        os.close(memfd)


@pytest.mark.parametrize("size", [-1, 2**63, 2**64])
def test_a_size_that_no_buffer_has_is_not_asked_for(
    teed: FakeTeed, context: Context, size: int
) -> None:
    with pytest.raises(ValueError, match="bytes"):
        context.allocate(size)
    assert "allocate" not in teed.methods_heard()


def test_a_buffer_is_for_at_least_one_direction(teed: FakeTeed, context: Context) -> None:
    for flags in (0, 4):
        with pytest.raises(TeeError, match="BAD_PARAMETERS"):
            context.allocate(10, flags)
    assert "allocate" not in teed.methods_heard()


def test_a_refused_allocation_is_told(teed: FakeTeed, context: Context) -> None:
    teed.methods["allocate"] = lambda params: refusal(0xFFFF000C, "limit", "too much")
    with pytest.raises(TeeError, match="too much") as refused:
        context.allocate(10)
    assert refused.value.reason == "limit"


def test_a_buffer_smaller_than_teed_says_is_not_mapped(
    teed: FakeTeed, context: Context
) -> None:
    teed.methods["allocate"] = lambda params: Reply(
        [9, 8192], descriptors=[os.memfd_create("empty")]
    )
    with pytest.raises(Disconnected, match="none"):
        context.allocate(10)


# Descriptors


class Gift:
    """A descriptor to send, of which it can be told whether all copies are closed."""

    def __init__(self) -> None:
        self._watched, self.descriptor = os.pipe()

    def is_closed(self) -> bool:
        ready, _, _ = select.select([self._watched], [], [], PATIENCE)
        closed = bool(ready) and os.read(self._watched, 1) == b""
        os.close(self._watched)
        return closed


def test_a_descriptor_that_does_not_come_is_missed_and_undone(
    teed: FakeTeed, context: Context
) -> None:
    """As when this process can have no more, and the kernel drops what teed sent."""
    teed.methods["allocate"] = lambda params: Reply([7, 4096])
    teed.methods["open"] = lambda params: Reply([0, 4, [], 8])
    for call in (lambda: context.allocate(1), lambda: context.open_session(UUID)):
        with pytest.raises(TeeError, match="ulimit") as missed:
            call()
        assert missed.value.origin == Origin.API
    context.status()
    assert teed.wait_until_heard("release") == [7]
    assert teed.wait_until_heard("close") == [8]


def test_descriptors_that_nobody_asked_for_are_closed(teed: FakeTeed, context: Context) -> None:
    unwanted, too_late = Gift(), Gift()
    refused = refusal(0xFFFF000C, "limit")
    refused.descriptors.append(too_late.descriptor)
    teed.methods["status"] = lambda params: Reply({}, descriptors=[unwanted.descriptor])
    teed.methods["allocate"] = lambda params: refused
    context.status()
    with pytest.raises(TeeError, match="because"):
        context.allocate(10)
    assert unwanted.is_closed()
    assert too_late.is_closed()


def test_two_descriptors_at_once_are_one_too_many(teed: FakeTeed, context: Context) -> None:
    surplus = Gift()

    def two(params: list[Any]) -> Reply:
        reply = teed._allocate(params)
        reply.descriptors.append(surplus.descriptor)
        return reply

    teed.methods["allocate"] = two
    with context.allocate(10):
        assert surplus.is_closed()


@pytest.mark.parametrize("size", [0, 4096])
def test_the_descriptor_of_a_buffer_is_closed_mapped_or_not(size: int) -> None:
    memfd = os.memfd_create("buffer")
    os.ftruncate(memfd, size)
    answer = Answer(memfd)
    answer.fill(Response(1, None, [1, 4096]), BufferMade)
    with pytest.raises(Disconnected) if not size else contextlib.nullcontext():
        Client().memory(answer, 10)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(memfd)


def test_an_opening_that_is_answered_wrongly_leaves_no_channel(
    teed: FakeTeed, context: Context
) -> None:
    teed.methods["open"] = lambda params: teed.open_session([[3, 0, 0, 0]])
    with pytest.raises(RemoteProtocolError):
        context.open_session(UUID)
    teed.wait_until_left()


def test_received_descriptors_are_not_inherited(teed: FakeTeed, context: Context) -> None:
    before = set(_descriptors())
    with context.open_session(UUID), context.allocate(10):
        new = [fd for fd in _descriptors() if fd not in before]
        assert new
        assert not any(os.get_inheritable(fd) for fd in new)


def _descriptors() -> list[int]:
    """Those of this process; the one that lists them is gone when it is looked at."""
    listed = [int(name) for name in os.listdir("/proc/self/fd")]
    return [fd for fd in listed if os.path.exists(f"/proc/self/fd/{fd}")]


# A fork


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_gets_an_error_and_the_parent_notices_nothing(
    teed: FakeTeed, context: Context
) -> None:
    session = context.open_session(UUID)
    buffer = context.allocate(10)
    child = os.fork()
    if not child:
        os._exit(_life_of_a_child(context, session, buffer))
    assert os.waitpid(child, 0)[1] == 0
    session.invoke(0, Whole(buffer))
    assert set(teed.methods_heard()) == {"hello", "open", "allocate"}
    session.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_cannot_cancel_what_its_parent_does(
    teed: FakeTeed, context: Context, session: Session
) -> None:
    entered, leave = threading.Event(), threading.Event()

    def stay(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        entered.set()
        assert leave.wait(PATIENCE)
        return SUCCESS

    teed.application = stay
    cancellation = Cancellation()
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(session.invoke, 0, cancellation=cancellation)
        assert entered.wait(PATIENCE)
        child = os.fork()
        if not child:
            cancellation.request()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        context.status()
        leave.set()
        call.result(PATIENCE)
    assert "cancel" not in teed.methods_heard()


def _life_of_a_child(context: Context, session: Session, buffer: Any) -> int:
    try:
        calls: list[Callable[[], object]] = [
            lambda: session.invoke(0),
            lambda: context.open_session(UUID),
            lambda: context.allocate(10),
            lambda: context.register(bytearray(1)),
            lambda: context.status(),
        ]
        for call in calls:
            with pytest.raises(TeeError) as refused:
                call()
            assert refused.value.reason == "forked"
        buffer.release()
        session.close()
        context.close()
        gc.collect()
    except BaseException:
        return 1
    return 0


# teed goes away


def test_all_who_wait_hear_that_teed_has_hung_up(
    teed: FakeTeed, context: Context, session: Session
) -> None:
    arrived = threading.Barrier(4)
    leave = threading.Event()

    def never(params: list[Any]) -> Reply:
        arrived.wait(PATIENCE)
        assert leave.wait(PATIENCE)
        return Reply([])

    teed.methods["open"] = never
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(context.open_session, UUID) for _ in range(3)]
        arrived.wait(PATIENCE)
        teed.hang_up()
        for each in waiting:
            with pytest.raises(Disconnected, match="closed the connection"):
                each.result(PATIENCE)
        leave.set()


def test_the_last_words_of_teed_are_told_to_whoever_comes_later(
    teed: FakeTeed, context: Context, session: Session
) -> None:
    teed.say([2, "goodbye", [0xFFFF000E, 2, "shutdown", "teed is stopping"]])
    teed.hang_up()
    for _ in range(2):
        with pytest.raises(Disconnected, match="teed is stopping") as gone:
            context.allocate(10)
        assert gone.value.reason == "shutdown"


def test_the_end_of_a_channel_is_explained_by_the_last_words_of_teed(
    teed: FakeTeed, session: Session
) -> None:
    def stop(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        teed.say([2, "goodbye", [0xFFFF000E, 2, "shutdown", "teed is stopping"]])
        teed.hang_up()
        teed.hang_up(session=1)
        return SUCCESS

    teed.application = stop
    with pytest.raises(Disconnected, match="teed is stopping"):
        session.invoke(0)


def test_what_is_gone_can_still_be_closed(teed: FakeTeed) -> None:
    with Context(teed.path) as context, context.allocate(10), context.open_session(UUID):
        teed.hang_up()


def test_a_closed_context_says_so(context: Context) -> None:
    context.close()
    context.close()
    with pytest.raises(TeeError, match="context was closed"):
        context.status()


def test_closing_wakes_those_who_wait(teed: FakeTeed) -> None:
    arrived, leave = threading.Event(), threading.Event()

    def never(params: list[Any]) -> Reply:
        arrived.set()
        assert leave.wait(PATIENCE)
        return Reply([])

    teed.methods["open"] = never
    context = Context(teed.path)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(context.open_session, UUID)
        assert arrived.wait(PATIENCE)
        context.close()
        with pytest.raises(TeeError, match="context was closed"):
            waiting.result(PATIENCE)
        leave.set()


def test_what_teed_may_not_say_ends_the_connection(teed: FakeTeed, context: Context) -> None:
    teed.say_bytes(b"\xc1")
    with pytest.raises(Disconnected, match="wrongly"):
        context.status()
    teed.wait_until_gone()


def test_a_status_that_is_none_is_not_passed_on(teed: FakeTeed, context: Context) -> None:
    teed.methods["status"] = lambda params: Reply([1, 2])
    with pytest.raises(RemoteProtocolError):
        context.status()


def test_a_reset_connection_still_gives_what_teed_said_last(teed: FakeTeed) -> None:
    """The kernel reports the reset first when teed leaves without having read everything."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.send(msgpack.packb([2, "goodbye", [0xFFFF000E, 2, "shutdown", "bye"]]))
    ours.send(b"never read")
    theirs.close()
    connection, nobody = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control = Control(connection)
    session = Session(control, 1, ours.detach())
    with pytest.raises(Disconnected, match="bye"):
        session.invoke(0)
    nobody.close()
    session.close()
    control.close()
