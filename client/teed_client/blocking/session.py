"""Sessions of the blocking client, and the calls in them."""

import contextlib
import socket
from threading import Lock
from typing import TYPE_CHECKING

from teed_client.blocking.cancellation import Cancellation
from teed_client.blocking.control import Control
from teed_client.errors import Disconnected, bad_state, disconnected
from teed_client.given import expect, number
from teed_client.invocation import Invocations, Operation
from teed_client.packets import channel, receive
from teed_client.parameter import Parameter
from teed_protocol.calls import NOT_FOUND, Cancel, Close
from teed_protocol.errors import RemoteProtocolError, TeeError
from teed_protocol.messages import MAX_MESSAGE

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_NO_SIGNAL = int(socket.MSG_NOSIGNAL)


class Session:
    """A session with a trusted application: TEEC_Session.

    Threads may share one: their commands run one after the other, as the TEE would have
    it anyhow.  Made by ``Context.open_session``; closed by ``close`` or a ``with`` block.
    """

    def __init__(self, control: Control, number: int, descriptor: int) -> None:
        self._control = control
        self._client = control.client
        self._process = self._client.process
        self._number = number
        self._channel = channel(descriptor)
        self._said = Invocations()
        self._turn = Lock()
        self._running: Operation | None = None  # perhaps sent, and perhaps not answered
        self._closed = False

    def invoke(
        self,
        command: int,
        *parameters: Parameter | None,
        cancellation: Cancellation | None = None,
    ) -> None:
        """Run a command: TEEC_InvokeCommand.

        At most four parameters; None stands for one that is not used.  Outputs are in the
        parameters afterwards, on success and on TeeError alike.  Blocks for as long as the
        application takes.

        TeeError: what the application, the TEE, the driver or teed said, by ``origin`` and
        ``reason``.  ValueError or TypeError: a parameter that cannot be sent.
        """
        if not self._process.here:
            self._client.check_process()
        if type(command) is not int or command >> 32:
            command = number("command", command)
        if cancellation is not None:
            expect("cancellation is a Cancellation", cancellation, Cancellation)
        operation = Operation(self._client, parameters)
        with self._turn:
            if self._closed:
                raise bad_state("closed", "this session was closed")
            if self._running is not None:
                self._settle(self._running)
            if operation.room:
                self._control.place(operation)
            try:
                result, origin = self._run(command, operation, cancellation)
            except BaseException:
                operation.give_up()
                raise
            finally:
                if operation.block is not None and self._running is not operation:
                    self._control.displace(operation)
        if result:
            raise TeeError(result, origin)

    def close(self) -> None:
        """End the session: TEEC_CloseSession.  Waits for a command that is still running.

        After a fork, the child only lets go of it: the parent's session stays open.
        """
        if self._closed:
            return
        self._closed = True
        if not self._process.here:
            self._channel.close()
            return
        try:
            with contextlib.suppress(Disconnected):  # then it is closed already
                self._control.request(Close(self._number))
        finally:
            with self._turn:
                self._channel.close()
                if self._running is not None:
                    self._control.displace(self._running)

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        self.close()

    def _run(
        self, command: int, operation: Operation, cancellation: Cancellation | None
    ) -> tuple[int, int]:
        packet = self._said.request(command, operation.send())
        if cancellation is not None:
            cancellation.check()
        self._running = operation
        try:
            said = self._said.answer(self._exchange(packet, cancellation))
            while said is None:  # it answered a call before this one
                said = self._said.answer(self._receive())
            self._running = None
            result, origin, outputs = said
            operation.receive(outputs)
        except Disconnected:
            raise
        except TeeError:
            self._running = None  # refused, so it has ended
            raise
        except RemoteProtocolError:
            self._channel.shutdown(socket.SHUT_RDWR)
            raise
        return result, origin

    def _exchange(self, packet: bytes, cancellation: Cancellation | None) -> bytes:
        """Send, and wait for the answer.  Who is torn out of it asks for the call to end."""
        try:
            self._channel.send(packet, _NO_SIGNAL)
            if cancellation is not None:
                return self._receive_cancellable(cancellation)
            return self._channel.recv(MAX_MESSAGE) or self._receive()
        except ConnectionError:
            return self._receive()  # what teed said last, if there is anything
        except Disconnected:
            raise
        except BaseException:
            self._cancel()
            raise

    def _receive_cancellable(self, cancellation: Cancellation) -> bytes:
        cancel = self._cancel
        cancellation.begin(cancel)
        try:
            return self._receive()
        finally:
            cancellation.end(cancel)
            if cancellation.requested:
                self._control.catch_up()

    def _receive(self) -> bytes:
        """What teed says next; Disconnected, with what it said last, when that is nothing."""
        body = receive(self._channel).body
        if body:
            return body
        self._control.catch_up()
        if self._client.conversation.over:
            raise self._client.conversation.farewell()
        raise disconnected("teed closed the channel of this session")

    def _cancel(self) -> None:
        self._control.tell(Cancel(self._number, self._said.number))

    def _settle(self, torn: Operation) -> None:
        """Find the end of a call that was not waited for, and of its use of memory.

        A signal handler's exception may have come before it was sent, or after its answer
        was taken.  teed knows: what it does not find has ended, and should its answer be on
        the way yet, the number tells it from the next one.
        """
        fate = self._control.request(Cancel(self._number, self._said.number)).result
        if fate != NOT_FOUND:
            self._receive()
        self._running = None
        self._control.displace(torn)
