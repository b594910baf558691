"""One connection: hello, then requests side by side, then an end that leaves nothing."""

import functools
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence

import trio

from teed.control import packets
from teed.control.client import Client, malformed
from teed.control.requests import METHODS, Incoming, Reply, welcome
from teed.daemon import Daemon
from teed.descriptors import close_all
from teed.identity import peer_of
from teed_protocol import calls
from teed_protocol.codes import Result
from teed_protocol.errors import RemoteProtocolError, TeeError
from teed_protocol.messages import Notification, Request, Response, decode

log = logging.getLogger(__name__)

HELLO_SECONDS = 10
"""Who connects says hello within this time, or is hung up on."""

MAX_FDS = 1
"""No message carries more descriptors than this."""

MAX_OUTSTANDING = 64
"""Requests of one client that may be under way at once."""

Work = Callable[[], Awaitable[Reply]]

SHUTDOWN = TeeError.refused(Result.ERROR_COMMUNICATION, "shutdown", "teed is stopping")


async def serve(daemon: Daemon, connection: socket.socket) -> None:
    """Serve one client until it hangs up or breaks the protocol; nobody else notices."""
    account = daemon.accounts.strangers
    try:
        peer = peer_of(connection)
        account = daemon.accounts.of(peer.credentials.uid)
        account.charge(clients=1)
    except TeeError as refused:
        await _goodbye(connection, refused)
        daemon.nursery.start_soon(account.disposal.close, packets.last_descriptors(connection))
        return
    client = Client(peer, account, daemon)
    try:
        await _Connection(client, connection).run()
    except* trio.Cancelled:  # alone or in a nursery's group
        await _goodbye(connection, SHUTDOWN)
        raise
    finally:
        client.discard(packets.last_descriptors(connection))
        daemon.nursery.start_soon(client.dismiss)


class _Connection:
    __slots__ = ("_client", "_connection", "_outstanding", "_sending")

    def __init__(self, client: Client, connection: socket.socket) -> None:
        self._client = client
        self._connection = connection
        self._sending = trio.Lock()
        self._outstanding = 0

    async def run(self) -> None:
        farewell: TeeError | None = None
        try:
            async with trio.open_nursery() as nursery:
                self._client.conversation = nursery.cancel_scope
                if await self._hello_in_time():
                    await self._converse(nursery)
                nursery.cancel_scope.cancel()  # no one is left to hear the answers
            farewell = self._client.misdeed
        except* RemoteProtocolError as broken:
            farewell = malformed(str(_first(broken)))
        except* TeeError as refused:
            farewell = _first(refused)
        except* (ConnectionError, trio.BrokenResourceError):
            pass  # the peer is gone, which is no fault and needs no words
        if farewell is not None:
            log.warning("%s: hung up on: %s", self._client.peer, farewell.text)
            await _goodbye(self._connection, farewell)

    async def _hello_in_time(self) -> bool:
        with trio.move_on_after(HELLO_SECONDS):
            return await self._hello()
        raise RemoteProtocolError(f"no hello within {HELLO_SECONDS} seconds")

    async def _converse(self, nursery: trio.Nursery) -> None:
        while (received := await self._receive()) is not None:
            request, incoming = received
            try:
                work, at_once = self._understand(request, incoming)
            except TeeError as refused:
                self._client.discard(incoming.fds)
                await self._refuse(request.id, refused)
                continue
            except RemoteProtocolError:
                self._client.discard(incoming.fds)
                raise
            self._outstanding += 1
            if at_once:  # a task would cost more than the work
                await self._answer(work, incoming)
            else:
                nursery.start_soon(self._answer, work, incoming)

    def _understand(self, request: Request, incoming: Incoming) -> tuple[Work, bool]:
        """What is to be done for a request, and whether it takes no time at all."""
        if self._outstanding >= MAX_OUTSTANDING:
            raise _too_many()
        method = METHODS.get(request.method)
        if method is None:
            text = f"there is no method {request.method[:64]!r}"
            raise TeeError.refused(Result.ERROR_NOT_IMPLEMENTED, "unknown-method", text)
        call = method.kind.from_wire(request.params)
        work = functools.partial(method.perform, self._client, call, incoming)
        return work, method.at_once(self._client, call)

    async def _hello(self) -> bool:
        received = await self._receive()
        if received is None:
            return False
        request, incoming = received
        self._client.discard(incoming.fds)
        try:
            if request.method != calls.Hello.METHOD:
                raise TeeError.refused(
                    Result.ERROR_NOT_SUPPORTED, "version", "the first request is hello"
                )
            call = calls.Hello.from_wire(request.params)
            reply = welcome(self._client, call)
        except TeeError as refused:
            await self._refuse(request.id, refused)
            raise
        log.debug("%s: hello from %r", self._client.peer, call.client)
        await self._reply(request.id, reply)
        return True

    async def _receive(self) -> tuple[Request, Incoming] | None:
        """The next request; None when the peer has hung up."""
        packet = await packets.receive(self._connection)
        try:
            if not packet.body:
                self._client.discard(packet.fds)
                return None
            message = decode(packet.body)
            if not isinstance(message, Request):
                raise RemoteProtocolError("teed takes requests")
            if len(packet.fds) > MAX_FDS:
                raise RemoteProtocolError(f"more than {MAX_FDS} descriptor at once")
        except RemoteProtocolError:
            self._client.discard(packet.fds)
            raise
        return message, Incoming(message.id, packet.fds, packet.cut)

    async def _answer(self, work: Work, incoming: Incoming) -> None:
        try:
            reply = await work()
        except TeeError as refused:
            await self._refuse(incoming.id, refused)
        else:
            await self._reply(incoming.id, reply)
        finally:
            self._outstanding -= 1
            self._client.discard(incoming.fds)

    async def _reply(self, number: int, reply: Reply) -> None:
        fds = [] if reply.fd is None else [reply.fd]
        try:
            await self._send(Response(number, None, reply.result), fds)
        finally:
            close_all(fds)

    async def _refuse(self, number: int, error: TeeError) -> None:
        await self._send(Response(number, error.refusal, None))

    async def _send(self, response: Response, fds: Sequence[int] = ()) -> None:
        try:
            self._sending.acquire_nowait()  # without a turn of the event loop
        except trio.WouldBlock:
            await self._sending.acquire()
        try:
            await packets.send(self._connection, response, fds)
        finally:
            self._sending.release()


async def _goodbye(connection: socket.socket, why: TeeError) -> None:
    """Say why, if the peer can still hear it; it does not get to delay the end."""
    words = [why.code, why.origin, why.reason, why.text]
    with trio.CancelScope(deadline=trio.current_time() + 1, shield=True):
        try:
            await packets.send(connection, Notification(calls.GOODBYE, words))
        except (ConnectionError, trio.BrokenResourceError):
            log.debug("a peer did not wait for the goodbye")


def _too_many() -> TeeError:
    text = f"{MAX_OUTSTANDING} requests are outstanding already"
    return TeeError.refused(Result.ERROR_BUSY, "busy", text)


def _first(group: BaseExceptionGroup[TeeError] | BaseExceptionGroup[RemoteProtocolError]):  # type: ignore[no-untyped-def]
    """One error says it; a group of groups is how a nursery hands it over."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
