"""What the control plane does for each method: one function a method, and their table."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import trio

from teed import __version__, descriptors, threads
from teed.accounts import NAMES
from teed.config import ARENA_BYTES
from teed.control.client import Client, Waiting
from teed.driver.interface import Answer, Opening, SharedMemory
from teed.driver.refusals import CANCELLED, refusal_of
from teed.identity import check_login
from teed.memory.buffers import NONE_PINNED, Buffer, Pinned, Shadow
from teed.memory.memfd import check_memfd, whole_pages
from teed.sessions import TeeSession
from teed_protocol import calls
from teed_protocol.codes import Capability, Result
from teed_protocol.errors import RemoteProtocolError, TeeError
from teed_protocol.fields import Parameter, Parameters
from teed_protocol.messages import VERSION


@dataclass(slots=True)
class Incoming:
    """A request's id, and the descriptors that came with it until somebody takes them.

    What nobody takes is closed when the request is answered.
    """

    id: int
    fds: list[int] = field(default_factory=list)
    cut: bool = False

    @property
    def fd(self) -> int:
        if self.cut:
            raise TeeError.refused(
                Result.ERROR_OUT_OF_MEMORY, "limit", "teed has no descriptor free for this one"
            )
        if not self.fds:
            raise RemoteProtocolError("this request comes with a descriptor")
        return self.fds[0]

    def take_fd(self) -> int:
        return self.fds.pop()


@dataclass(slots=True)
class Reply:
    """A result, and a descriptor to send along, which is closed when it is sent."""

    result: Any
    fd: int | None = None


def welcome(client: Client, call: calls.Hello) -> Reply:
    """Agree on a version, and say what the TEE can do."""
    if VERSION not in call.versions:
        raise TeeError.refused(
            Result.ERROR_NOT_SUPPORTED, "version", f"teed speaks version {VERSION} only"
        )
    driver = client.daemon.driver
    version = driver.version
    answer = calls.Welcome(
        version=VERSION,
        server=f"teed {__version__}",
        driver=driver.name,
        impl_id=version.impl_id,
        impl_caps=version.impl_caps,
        gen_caps=version.gen_caps,
        arena=ARENA_BYTES,
    )
    return Reply(answer.to_wire())


async def allocate(client: Client, call: calls.Allocate, incoming: Incoming) -> Reply:
    size = whole_pages(call.size)
    with _charged(client, size):
        shared = await client.daemon.stock.take(size)
        fd = _copy_of(shared)
    in_memfd = bool(client.daemon.driver.version.gen_caps & Capability.REG_MEM)
    number = client.buffers.add(Buffer(shared, size, in_memfd=in_memfd))
    return Reply(calls.BufferMade(number, size).to_wire(), fd)


async def register(client: Client, call: calls.Register, incoming: Incoming) -> Reply:
    check_memfd(incoming.fd, call.size)
    with _charged(client, call.size):
        buffer = await threads.run(_registered, client, call.size, incoming)
    return Reply(calls.BufferMade(client.buffers.add(buffer), call.size).to_wire())


@contextmanager
def _charged(client: Client, size: int) -> Iterator[None]:
    """Charge a buffer; it costs nothing if it is not made, or the client does not wait."""
    client.account.charge(buffers=1, bytes=size)
    try:
        descriptors.check()
        yield
    except BaseException as failed:
        client.account.credit(buffers=1, bytes=size)
        if isinstance(failed, OSError):
            raise refusal_of(failed) from failed
        raise


def _copy_of(shared: SharedMemory) -> int:
    """A descriptor for the client, who may release the buffer before it has the answer."""
    try:
        return os.dup(shared.fd)
    except OSError:
        shared.close()
        raise


def _registered(client: Client, size: int, incoming: Incoming) -> Buffer:
    """The two ways of TEEC_RegisterSharedMemory: in place, or a copy beside it."""
    driver = client.daemon.driver
    if driver.version.gen_caps & Capability.REG_MEM:
        return Buffer(driver.register(incoming.take_fd(), size), size)
    shared = driver.allocate(size)
    try:
        return Buffer(shared, size, Shadow(incoming.fd, shared, size))
    except BaseException:
        shared.close()
        raise


async def release(client: Client, call: calls.Release, incoming: Incoming) -> Reply:
    # Giving memory back is a call into the TEE, so it does not happen on the event loop.
    await threads.run(client.buffers.release, call.buffer)
    return Reply(None)


async def open_session(client: Client, call: calls.Open, incoming: Incoming) -> Reply:
    check_login(call.login, call.group, client.peer.credentials)
    if not call.parameters:
        return await _open(client, call, incoming, NONE_PINNED)
    async with _pinned(client, call.parameters) as pinned:
        return await _open(client, call, incoming, pinned)


async def _open(client: Client, call: calls.Open, incoming: Incoming, pinned: Pinned) -> Reply:
    sessions = client.daemon.sessions
    caller = client.peer.credentials
    opening = Opening(call.uuid, call.login, call.group, caller, pinned.parameters)
    session = sessions.join(opening, client.account, call.share, client)
    attached = None
    try:
        answer = await _opened(client, session, opening, incoming.id)
        mine = session.opening is opening
        outputs = await _outputs(pinned, answer) if mine else list(call.parameters)
        if answer.result == Result.SUCCESS:
            attached = client.attach(session)
    finally:
        if attached is None:
            sessions.leave(session)
    if attached is None:
        return Reply([answer.result, answer.origin, outputs, None])
    number, channel = attached
    return Reply([answer.result, answer.origin, outputs, number], channel)


@asynccontextmanager
async def _pinned(client: Client, parameters: Parameters) -> AsyncIterator[Pinned]:
    """Hold the buffers of an opening.

    To copy their shadows, and to end one that was released meanwhile, takes long.
    """
    with ExitStack() as held:
        pinned = await threads.run(held.enter_context, client.buffers.pinned(parameters))
        try:
            yield pinned
        finally:
            await threads.run_in_the_end(held.close)


async def _outputs(pinned: Pinned, answer: Answer) -> list[Parameter]:
    if not answer.parameters:
        return []
    return await threads.run(pinned.outputs, answer.parameters)


async def _opened(
    client: Client, session: TeeSession, opening: Opening, request: int
) -> Answer:
    """Wait for an opening.  Whoever cancels, or hangs up, stops waiting where that is safe."""
    if session.opened.is_set():
        return _answer_of(session)
    with trio.CancelScope() as patience:
        client.openings[request] = Waiting(session, opening, patience)
        try:
            await session.opened.wait()
        except trio.Cancelled:
            if not client.daemon.sessions.give_up(session, opening):
                with trio.CancelScope(shield=True):
                    await session.opened.wait()
            raise
        finally:
            client.openings.pop(request, None)
    if patience.cancelled_caught:
        raise CANCELLED
    return _answer_of(session)


def _answer_of(session: TeeSession) -> Answer:
    """What became of an opening that is over."""
    assert session.answer is not None
    if isinstance(session.answer, TeeError):
        raise session.answer
    return session.answer


async def close_session(client: Client, call: calls.Close, incoming: Incoming) -> Reply:
    await client.close(call.session).left.wait()
    return Reply(None)


async def cancel(client: Client, call: calls.Cancel, incoming: Incoming) -> Reply:
    if call.session is None:
        return Reply(_cancel_opening(client, call.request))
    channel = client.attachment(call.session).channel
    if client.daemon.crew.withdraw_request(channel, call.request):
        return Reply(calls.WITHDRAWN)
    if await client.cancel_running(channel, call.request):
        return Reply(calls.REQUESTED)
    return Reply(calls.NOT_FOUND)


def _cancel_opening(client: Client, request: int) -> str:
    waiting = client.openings.get(request)
    if waiting is None:
        return calls.NOT_FOUND
    if not client.daemon.sessions.give_up(waiting.session, waiting.opening):
        return calls.REQUESTED  # it is inside the TEE, which cannot cancel an opening
    waiting.patience.cancel()
    return calls.WITHDRAWN


async def status(client: Client, call: calls.Status, incoming: Incoming) -> Reply:
    """The user's own counts; for administrators also the daemon's."""
    counts = client.account.counts
    answer = {name: getattr(counts, name) for name in NAMES}
    if _is_admin(client):
        accounts = client.daemon.accounts
        answer |= {f"total_{name}": accounts.total(name) for name in NAMES}
        answer |= {
            "stock_buffers": len(client.daemon.stock),
            "threads": _count("/proc/self/task"),
            "descriptors": _count("/proc/self/fd"),
            "openings": client.daemon.sessions.openings,
            "invocations": client.daemon.crew.invocations,
        }
    return Reply(answer)


def _count(folder: str) -> int:
    try:
        return len(os.listdir(folder))
    except OSError as failed:
        raise refusal_of(failed) from failed


def _is_admin(client: Client) -> bool:
    credentials = client.peer.credentials
    group = client.daemon.admin_group
    return credentials.uid in (0, os.geteuid()) or (
        group is not None and credentials.is_member(group)
    )


def _never(client: Client, call: calls.Array) -> bool:
    return False


def _always(client: Client, call: calls.Array) -> bool:
    return True


def _is_in_stock(client: Client, call: calls.Allocate) -> bool:
    return client.daemon.stock.has(call.size)


def _is_open(client: Client, call: calls.Open) -> bool:
    return not call.parameters and client.daemon.sessions.is_open(client.account, call.share)


class Method(NamedTuple):
    """How a request is answered.

    *at_once* says, of one request at this moment, that *perform* will not wait for anything.
    """

    kind: type[calls.Array]
    perform: Callable[[Client, Any, Incoming], Awaitable[Reply]]
    at_once: Callable[[Client, Any], bool] = _never


METHODS = {
    "allocate": Method(calls.Allocate, allocate, _is_in_stock),
    "register": Method(calls.Register, register),
    "release": Method(calls.Release, release),
    "open": Method(calls.Open, open_session, _is_open),
    "close": Method(calls.Close, close_session),
    "cancel": Method(calls.Cancel, cancel),
    "status": Method(calls.Status, status, _always),
}
