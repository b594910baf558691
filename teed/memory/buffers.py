"""The buffers of one client: its own numbers, checked references, pins, and their end.

The kernel checks shared memory ids against the open device, which all clients share here,
so that check is made in this table: a client reaches its own buffers and nothing else.
A buffer that a running call uses is pinned: released or not, it stays, and stays charged
to its owner, until the call returns.  Used by the control plane and the crew alike; the
numbers and the pins are kept in the core (``channels/core/buffers.c``), where the crew
looks them up without Python.
"""

import mmap
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from teed.accounts import Account
from teed.channels._core import ffi, lib
from teed.driver.interface import SharedMemory
from teed.memory.memfd import empty_memfd
from teed_protocol.codes import Result
from teed_protocol.errors import TeeError
from teed_protocol.fields import Parameter, Parameters


class Shadow:
    """A client's own memory beside the TEE's copy, for TEEs that cannot register memory."""

    def __init__(self, theirs: int, shared: SharedMemory, size: int) -> None:
        self._maps: list[mmap.mmap] = []
        try:
            self._maps.append(mmap.mmap(theirs, size))
            self._maps.append(mmap.mmap(shared.fd, size))
        except BaseException:
            self._unmap()
            raise
        self.theirs, self.ours = map(ffi.from_buffer, self._maps)

    def close(self) -> None:
        ffi.release(self.theirs)
        ffi.release(self.ours)
        self._unmap()

    def _unmap(self) -> None:
        for each in self._maps:
            each.close()


class Buffer:
    """Shared memory that one client has, and no other ever will."""

    def __init__(
        self,
        shared: SharedMemory,
        size: int,
        shadow: Shadow | None = None,
        *,
        in_memfd: bool = False,
    ) -> None:
        """*in_memfd*: it is in a memfd that was made here, and no client's own."""
        self.shared = shared
        self.size = size
        self.shadow = shadow
        self._in_memfd = in_memfd

    def destroy(self) -> None:
        if self.shadow is not None:
            self.shadow.close()
        if self._in_memfd:
            empty_memfd(self.shared.fd, self.size)
        self.shared.close()


class Pinned:
    """A call's parameters as the driver takes them, and the buffers that they hold."""

    def __init__(self, pins: Any, parameters: Parameters) -> None:
        self._pins = pins
        self.parameters = parameters

    def outputs(self, answered: Sequence[Parameter]) -> list[Parameter]:
        """The parameters as the client gets them back: its own offsets and buffers.

        Shadows are copied out, but not where the TEE wanted more than there was.
        """
        assert len(answered) == len(self.parameters)
        got = ffi.new("struct tee_ioctl_param[4]", list(answered))
        lib.teed_outputs(self._pins, got)
        return list(_parameters(got, len(answered)))


NONE_PINNED = Pinned(None, ())
"""For a call without parameters."""


class BufferTable:
    """One client's buffers by the numbers that the client knows them by."""

    def __init__(self, account: Account, *, null_allowed: bool) -> None:
        self._account = account
        self._buffers: dict[int, Buffer] = {}
        self._last = 0
        self._handle = ffi.new_handle(weakref.ref(self))
        table = lib.teed_buffers_new(self._handle, null_allowed)
        if table == ffi.NULL:
            raise MemoryError
        self.core = ffi.gc(table, lib.teed_buffers_free)

    def add(self, buffer: Buffer) -> int:
        """Take a buffer, which is charged already, and number it."""
        shadow = buffer.shadow
        theirs, ours = (shadow.theirs, shadow.ours) if shadow else (ffi.NULL, ffi.NULL)
        self._last = number = self._last + 1
        self._buffers[number] = buffer  # before the core has it: the client may guess numbers
        if not lib.teed_buffers_add(
            self.core, number, buffer.shared.id, buffer.size, theirs, ours
        ):
            del self._buffers[number]
            raise MemoryError
        return number

    def release(self, number: int) -> None:
        """Forget the number; the buffer goes now, or when the last call with it returns."""
        if not self._release(number):
            raise _no_buffer(number)

    def release_all(self) -> None:
        for number in list(self._buffers):
            self._release(number)

    def destroy(self, number: int) -> None:
        """The end of a buffer that was released and that no call uses any more."""
        buffer = self._buffers.pop(number)
        buffer.destroy()
        self._account.credit(buffers=1, bytes=buffer.size)

    @contextmanager
    def pinned(self, parameters: Parameters) -> Iterator[Pinned]:
        """Check every memory reference and hold its buffer; TeeError when one is bad."""
        pins = ffi.new("struct teed_pins *")
        fault = ffi.new("struct teed_fault *")
        given = ffi.new("struct tee_ioctl_param[4]", list(parameters))
        if not lib.teed_pin(self.core, given, len(parameters), pins, fault):
            raise bad_reference(fault)
        try:
            lib.teed_fill_shadows(pins)
            yield Pinned(pins, _parameters(given, len(parameters)))
        finally:
            self._unpin(pins)

    def _release(self, number: int) -> bool:
        outcome = lib.teed_buffers_release(self.core, number)
        if outcome == lib.TEED_RELEASED:
            self.destroy(number)
        return bool(outcome != lib.TEED_UNKNOWN)

    def _unpin(self, pins: Any) -> None:
        over = ffi.new("uint32_t[4]")
        count = lib.teed_unpin(self.core, pins, over)
        for number in list(over[0:count]):
            self.destroy(number)


def bad_reference(fault: Any) -> TeeError:
    """The error of a reference that is no good, from a ``struct teed_fault``."""
    if fault.kind == lib.TEED_NO_BUFFER:
        return _no_buffer(fault.buffer)
    if fault.kind == lib.TEED_BAD_NULL:
        return _bad_buffer("a null reference must be empty, and the TEE must allow it")
    return _bad_buffer(
        f"{fault.size} bytes at {fault.offset} are not inside buffer {fault.buffer} "
        f"of {fault.most}"
    )


def _no_buffer(number: int) -> TeeError:
    return _bad_buffer(f"there is no buffer {number}")


def _bad_buffer(text: str) -> TeeError:
    return TeeError.refused(Result.ERROR_BAD_PARAMETERS, "bad-buffer", text)


def _parameters(params: Any, count: int) -> Parameters:
    return tuple(Parameter(each.attr, each.a, each.b, each.c) for each in params[0:count])
