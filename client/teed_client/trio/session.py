"""Sessions of the trio client, and the calls in them."""

import contextlib
import socket
from typing import TYPE_CHECKING

import trio

from teed_client.errors import Disconnected, bad_state, disconnected
from teed_client.given import number
from teed_client.invocation import Invocations, Operation
from teed_client.packets import channel
from teed_client.parameter import Parameter
from teed_client.trio.control import Control
from teed_client.trio.packets import close, receive, send
from teed_protocol.calls import Cancel, Close
from teed_protocol.errors import RemoteProtocolError, TeeError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Session:
    """A session with a trusted application: TEEC_Session.

    Tasks may share one: their commands run one after the other, as the TEE would have it
    anyhow.  Made by ``Context.open_session``; closed by ``aclose`` or ``async with``.
    """

    def __init__(self, control: Control, number: int, descriptor: int) -> None:
        self._control = control
        self._client = control.client
        self._number = number
        self._channel = channel(descriptor)
        self._channel.setblocking(False)
        self._said = Invocations()
        self._turn = trio.Lock()
        self._closed = False

    async def invoke(self, command: int, *parameters: Parameter | None) -> None:
        """Run a command: TEEC_InvokeCommand.

        At most four parameters; None stands for one that is not used.  Outputs are in the
        parameters afterwards, on success and on TeeError alike.

        TeeError: what the application, the TEE, the driver or teed said, by ``origin`` and
        ``reason``.  ValueError or TypeError: a parameter that cannot be sent.  Cancelled:
        the call is over, the outputs are as they were.
        """
        self._client.check_process()
        command = number("command", command)
        operation = Operation(self._client, parameters)
        async with self._turn:
            if self._closed:
                raise bad_state("closed", "this session was closed")
            async with self._control.room_for(operation):
                result, origin = await self._run(command, operation)
        if result:
            raise TeeError(result, origin)

    async def aclose(self) -> None:
        """End the session: TEEC_CloseSession.  Waits for a command that is still running.

        Cancelled, it hangs up instead, and teed ends the session without being waited for.
        After a fork, the child only lets go of it: the parent's session stays open.
        """
        if self._closed:
            return
        self._closed = True
        if not self._client.is_ours:
            self._channel.close()
            return
        try:
            with contextlib.suppress(Disconnected):  # then it is closed already
                await self._control.request(Close(self._number))
                async with self._turn:
                    pass  # whose command ran last has its answer now
        finally:
            close(self._channel)

    async def __aenter__(self) -> "Self":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        await self.aclose()

    async def _run(self, command: int, operation: Operation) -> tuple[int, int]:
        await self._send(self._said.request(command, operation.send()))
        try:
            while (said := self._said.answer(await self._wait())) is None:
                pass
            result, origin, outputs = said
            operation.receive(outputs)
        except RemoteProtocolError:
            self._channel.shutdown(socket.SHUT_RDWR)
            raise
        return result, origin

    async def _wait(self) -> bytes:
        """The answer.  Cancelled, the call is cancelled too, and has ended before this does."""
        try:
            return await self._receive()
        except trio.Cancelled:
            with trio.CancelScope(shield=True), contextlib.suppress(Disconnected):
                await self._control.tell(Cancel(self._number, self._said.number))
                await self._receive()
                self._control.catch_up()
            raise

    async def _send(self, packet: bytes) -> None:
        try:
            await send(self._channel, packet)
        except ConnectionError as lost:
            self._said.answer(await self._receive())  # its last words, if there are any
            raise self._hung_up() from lost

    async def _receive(self) -> bytes:
        body = (await receive(self._channel)).body
        if not body:
            raise self._hung_up()
        return body

    def _hung_up(self) -> Disconnected:
        """What teed said last, here or on the control connection."""
        self._control.catch_up()
        if self._client.conversation.over:
            return self._client.conversation.farewell()
        return disconnected("teed closed the channel of this session")
