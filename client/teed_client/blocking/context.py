"""The blocking client: a context, its buffers, and the way to its sessions."""

import contextlib
import os
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from teed_client.blocking.cancellation import Cancellation
from teed_client.blocking.control import Control
from teed_client.blocking.session import Session
from teed_client.core import (
    Described,
    counts,
    hello,
    opening,
    with_parameters,
)
from teed_client.errors import Disconnected
from teed_client.given import expect, integer, size_of_buffer
from teed_client.invocation import Operation
from teed_client.memory import Direction, Memory, application_bytes
from teed_client.packets import connect
from teed_client.parameter import Parameter
from teed_protocol.calls import Allocate, Register, Release, Status
from teed_protocol.codes import Login

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self
    from uuid import UUID


class Buffer(Memory):
    """Memory shared with trusted applications: TEEC_SharedMemory.

    Given to calls inside of Whole and Partial.  Released by ``release``, by a ``with``
    block, with its context, or when nobody has it any more.
    """

    __slots__ = ("_control",)

    def __init__(
        self, control: Control, number: int, shared: memoryview, flags: Direction
    ) -> None:
        super().__init__(control.client, number, shared, flags)
        self._control = control

    def release(self) -> None:
        """Give the memory back: TEEC_ReleaseSharedMemory.

        A call that still uses it keeps it until it returns, and what views of it the
        application still has can be read and written, but are empty and of no use any more.
        """
        if self.released:
            return
        number = self.forget()
        if self.owner.is_ours:
            with contextlib.suppress(Disconnected):  # then it is released already
                self._control.request(Release(number))

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        self.release()


class Context(Described):
    """A connection to teed, and through it to the TEE: TEEC_Context.

    Threads may share one.  A process made by a fork may not: there, every call ends with
    TeeError (reason ``forked``), closing only lets go, and the parent notices nothing.

    Every method may raise Disconnected, a TeeError, when teed has gone away, and TeeError
    with the reason in ``reason`` and ``text`` when teed refuses.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, name: str | None = None
    ) -> None:
        """Connect: TEEC_InitializeContext.

        *path* is that of teed's socket, by default the environment's ``TEED_SOCKET``, or
        ``/run/teed/teed.sock``.  *name* is for teed's log, by default the program's.
        """
        self._sessions: WeakSet[Session] = WeakSet()
        self._closed = False
        self._control = Control(connect(path))
        self._client = self._control.client
        try:
            self._client.greeted(self._control.request(hello(name)))
        except BaseException:
            self._control.close()
            raise

    def allocate(self, size: int, flags: int = Direction.INOUT) -> Buffer:
        """Memory of *size* bytes, all zero: TEEC_AllocateSharedMemory.

        It is shared with the TEE as it is: a call with it copies nothing.
        """
        self._client.check_process()
        return self._buffer(Allocate(size_of_buffer(size)), Direction.of(flags))

    def register(self, data: Any, flags: int = Direction.INOUT) -> Buffer:
        """Memory that the application has already: TEEC_RegisterSharedMemory.

        *data* is anything bytes-like, contiguous, and writable unless *flags* is INPUT.  A
        buffer stands beside it: every call with it copies the part that it refers to in,
        and back out when that is an output.  A ``bytearray`` keeps its size meanwhile.
        """
        self._client.check_process()
        direction = Direction.of(flags)
        application = application_bytes(data, direction)
        buffer = self._buffer(Allocate(len(application)), direction)
        buffer.shadow(application)
        return buffer

    def register_memfd(self, memfd: int, size: int, flags: int = Direction.INOUT) -> Buffer:
        """The first *size* bytes of a memfd of the application's own, without copies.

        Sealed as by ``sealed_memfd``; TeeError (reason ``bad-memfd``) when it is not.  The
        descriptor stays the caller's, who may close it at once.
        """
        self._client.check_process()
        call = Register(size_of_buffer(size))
        return self._buffer(call, Direction.of(flags), integer("memfd", memfd))

    def open_session(
        self,
        uuid: "str | bytes | UUID",
        *parameters: Parameter | None,
        login: int = Login.PUBLIC,
        group: int | None = None,
        share: str | None = None,
        cancellation: Cancellation | None = None,
    ) -> Session:
        """Open a session with the trusted application *uuid*: TEEC_OpenSession.

        *login* says what the application learns of this client, *group* is the group of
        the methods that take one.  With *share*, processes of the same user that open the
        same application under the same name get the same session.

        Outputs are in the parameters afterwards.  TeeError: as for ``Session.invoke``.
        """
        self._client.check_process()
        if cancellation is not None:
            expect("cancellation is a Cancellation", cancellation, Cancellation)
            cancellation.check()
        call = opening(uuid, login, group, share)
        operation = Operation(self._client, parameters)
        with self._control.room_for(operation):
            call = with_parameters(call, operation)
            answer = self._control.request(call, cancellation=cancellation)
            made = self._client.opened(answer, operation)
        session = Session(self._control, *made)
        self._sessions.add(session)
        return session

    def status(self) -> dict[str, int]:
        """What this user has at teed, in numbers; administrators see all of it."""
        self._client.check_process()
        return counts(self._control.request(Status()))

    def close(self) -> None:
        """Close what is open, and hang up: TEEC_FinalizeContext.

        Waits for commands that still run.  After a fork, the child only lets go.
        """
        if self._closed:
            return
        self._closed = True
        try:
            for session in list(self._sessions):
                session.close()
        finally:
            if self._client.is_ours:
                self._control.close()
            else:
                self._control.abandon()

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        self.close()

    def _buffer(
        self, call: Allocate | Register, flags: Direction, memfd: int | None = None
    ) -> Buffer:
        return Buffer(self._control, *self._control.memory(call, memfd), flags)
