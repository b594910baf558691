"""The trio client: a context, its buffers, and the way to its sessions."""

import contextlib
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import trio

from teed_client.core import (
    Described,
    counts,
    hello,
    opening,
    with_parameters,
)
from teed_client.errors import Disconnected
from teed_client.given import integer, size_of_buffer
from teed_client.invocation import Operation
from teed_client.memory import Direction, Memory, application_bytes
from teed_client.packets import connect
from teed_client.parameter import Parameter
from teed_client.trio.control import Control
from teed_client.trio.session import Session
from teed_protocol.calls import Allocate, Register, Release, Status
from teed_protocol.codes import Login

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self
    from uuid import UUID


class Buffer(Memory):
    """Memory shared with trusted applications, as in the blocking client."""

    __slots__ = ("_control",)

    def __init__(
        self, control: Control, number: int, shared: memoryview, flags: Direction
    ) -> None:
        super().__init__(control.client, number, shared, flags)
        self._control = control

    async def release(self) -> None:
        """Give the memory back: TEEC_ReleaseSharedMemory.

        A call that still uses it keeps it until it returns, and what views of it the
        application still has can be read and written, but are empty and of no use any more.
        """
        if self.released:
            return
        number = self.forget()
        if self.owner.is_ours:
            with contextlib.suppress(Disconnected):  # then it is released already
                await self._control.request(Release(number))

    async def __aenter__(self) -> "Self":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        await self.release()


class Context(Described):
    """A connection to teed, and through it to the TEE: TEEC_Context.

    Made by ``connect`` or ``open_context``.  What every method may raise, and what a fork
    does, is as in the blocking client.
    """

    def __init__(self, control: Control) -> None:
        self._sessions: WeakSet[Session] = WeakSet()
        self._closed = False
        self._control = control
        self._client = control.client

    @classmethod
    async def connect(
        cls, path: str | os.PathLike[str] | None = None, name: str | None = None
    ) -> "Self":
        """Connect: TEEC_InitializeContext; arguments as for the blocking ``Context``."""
        control = Control(await trio.to_thread.run_sync(connect, path))
        try:
            control.client.greeted(await control.request(hello(name)))
        except BaseException:
            control.close()
            raise
        return cls(control)

    async def allocate(self, size: int, flags: int = Direction.INOUT) -> Buffer:
        """Memory of *size* bytes, all zero: TEEC_AllocateSharedMemory.

        It is shared with the TEE as it is: a call with it copies nothing.
        """
        self._client.check_process()
        return await self._buffer(Allocate(size_of_buffer(size)), Direction.of(flags))

    async def register(self, data: Any, flags: int = Direction.INOUT) -> Buffer:
        """Memory that the application has already: TEEC_RegisterSharedMemory.

        *data* is anything bytes-like, contiguous, and writable unless *flags* is INPUT.  A
        buffer stands beside it: every call with it copies the part that it refers to in,
        and back out when that is an output.  A ``bytearray`` keeps its size meanwhile.
        """
        self._client.check_process()
        direction = Direction.of(flags)
        application = application_bytes(data, direction)
        buffer = await self._buffer(Allocate(len(application)), direction)
        buffer.shadow(application)
        return buffer

    async def register_memfd(
        self, memfd: int, size: int, flags: int = Direction.INOUT
    ) -> Buffer:
        """The first *size* bytes of a memfd of the application's own, without copies.

        Sealed as by ``sealed_memfd``; TeeError (reason ``bad-memfd``) when it is not.  The
        descriptor stays the caller's, who may close it at once.
        """
        self._client.check_process()
        call = Register(size_of_buffer(size))
        return await self._buffer(call, Direction.of(flags), integer("memfd", memfd))

    async def open_session(
        self,
        uuid: "str | bytes | UUID",
        *parameters: Parameter | None,
        login: int = Login.PUBLIC,
        group: int | None = None,
        share: str | None = None,
    ) -> Session:
        """Open a session: TEEC_OpenSession; arguments as for the blocking ``Context``.

        Cancelled, it waits until teed has given up opening, and no session is left.
        """
        self._client.check_process()
        call = opening(uuid, login, group, share)
        operation = Operation(self._client, parameters)
        async with self._control.room_for(operation):
            answer = await self._control.open(with_parameters(call, operation))
            session = Session(self._control, *self._client.opened(answer, operation))
        self._sessions.add(session)
        return session

    async def status(self) -> dict[str, int]:
        """What this user has at teed, in numbers; administrators see all of it."""
        self._client.check_process()
        return counts(await self._control.request(Status()))

    async def aclose(self) -> None:
        """Close what is open, and hang up: TEEC_FinalizeContext.

        Waits for commands that still run, unless it is cancelled.  After a fork, the child
        only lets go.
        """
        if self._closed:
            return
        self._closed = True
        try:
            for session in list(self._sessions):
                await session.aclose()
        finally:
            if self._client.is_ours:
                self._control.close()
            else:
                self._control.abandon()

    async def __aenter__(self) -> "Self":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        await self.aclose()

    async def _buffer(
        self, call: Allocate | Register, flags: Direction, memfd: int | None = None
    ) -> Buffer:
        return Buffer(self._control, *await self._control.memory(call, memfd), flags)


@contextlib.asynccontextmanager
async def open_context(
    path: str | os.PathLike[str] | None = None, name: str | None = None
) -> AsyncIterator[Context]:
    """A context for the time of an ``async with`` block."""
    async with await Context.connect(path, name) as context:
        yield context
