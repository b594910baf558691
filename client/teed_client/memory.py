"""Shared memory as the application holds it: TEEC_SharedMemory."""

import errno
import mmap
import os
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from teed_client.errors import bad_parameters, disconnected
from teed_client.given import view_of
from teed_client.shadow import Shadow

if TYPE_CHECKING:
    from teed_client.core import Client

# Without trackfd=False (new in Python 3.13) each mapping holds a descriptor of its own.
_MAPPING: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
_MFD_NOEXEC_SEAL = 0x8  # Linux 6.3
_NO_BUFFER = 2**32  # numbers of buffers have 32 bits; should it be sent, teed refuses it


class Direction(IntEnum):
    """Which way data goes, seen from the trusted application: TEEC_MEM_INPUT and so on.

    The flags of a buffer (which directions it may be used for) and the direction of a
    parameter.  ``INPUT | OUTPUT`` is INOUT.
    """

    INPUT = 1
    OUTPUT = 2
    INOUT = 3

    @classmethod
    def of(cls, direction: int) -> "Direction":
        """TeeError BAD_PARAMETERS unless *direction* is a non-empty set of the two."""
        if type(direction) is cls:
            return direction
        try:
            return cls(direction)
        except ValueError:
            raise bad_parameters(f"{direction!r} is not INPUT, OUTPUT or both") from None


class Memory:
    """A buffer of one client that trusted applications see; both halves' Buffer is one.

    ``number`` is its name on the wire, and *owner* the client that may use it.  ``shared``
    is what the TEE sees.  One that is ``shadowed`` stands beside memory that the
    application has already: that is copied in before each call and out after it.
    """

    __slots__ = (
        "__weakref__",
        "_view",
        "flags",
        "number",
        "owner",
        "shadowed",
        "shared",
        "size",
    )

    def __init__(
        self,
        owner: "Client",
        number: int,
        shared: memoryview,
        flags: Direction = Direction.INOUT,
    ) -> None:
        self.owner = owner
        self.number = number
        self.shared = shared
        self.size = len(shared)
        self.flags = flags
        self.shadowed: Shadow | None = None
        self._view: memoryview | None = shared

    def shadow(self, application: memoryview) -> None:
        """Stand beside the application's own memory, which is of the same size."""
        self.shadowed = Shadow(self.shared, application)
        self._view = application

    @property
    def view(self) -> memoryview:
        """The bytes, ``size`` of them; of registered memory, the application's own.

        Writable, and good for everything that takes the buffer protocol
        (``numpy.frombuffer(buffer.view, dtype)``).  ValueError once released.
        """
        if self._view is None:
            raise ValueError("the buffer was released")
        return self._view

    @property
    def released(self) -> bool:
        """Whether it was released: it has no ``view`` any more."""
        return self.number == _NO_BUFFER

    def forget(self) -> int:
        """Let go of the memory; its number, to release it by at teed.

        The mapping goes with the last view that the application still has.
        """
        number, self.number = self.number, _NO_BUFFER
        self.shared, self._view, self.shadowed = memoryview(b""), None, None
        return number

    def __del__(self) -> None:
        if not self.released:
            self.owner.release_later(self.forget())

    def __repr__(self) -> str:
        state = "released" if self.released else f"number {self.number}"
        return f"<{type(self).__name__} {state}, {self.size} bytes, {self.flags.name}>"


def mapped(descriptor: int, size: int) -> memoryview:
    """The memory behind *descriptor*, shared, readable and writable; unmapped by itself."""
    try:
        return memoryview(mmap.mmap(descriptor, size, **_MAPPING))
    except ValueError as wrong:  # the descriptor holds less than teed said
        raise disconnected(f"teed sent a buffer that is none: {wrong}", "malformed") from wrong


def application_bytes(data: Any, direction: int) -> memoryview:
    """*data* as a flat view of its bytes; TypeError if it cannot be used as that.

    An output must be writable.
    """
    view = view_of(data)
    if direction & Direction.OUTPUT and view.readonly:
        raise TypeError("the application writes to an output: give it writable memory")
    if not view.nbytes:
        return memoryview(bytearray())  # of no shape that could not be cast, and writable
    if not view.c_contiguous:
        raise TypeError("memory must be contiguous: give a copy of what is not")
    return view.cast("B")


def sealed_memfd(size: int, name: str = "teed-client") -> int:
    """A memfd that ``Context.register_memfd`` takes: *size* bytes of zeros, sealed.

    The descriptor is the caller's, to map and to close.  Its size can no longer change.
    """
    import fcntl

    descriptor = _memfd(name)
    try:
        os.ftruncate(descriptor, size)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _memfd(name: str) -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | _MFD_NOEXEC_SEAL)
    except OSError as unknown:
        if unknown.errno != errno.EINVAL:  # what kernels before 6.3 say
            raise
        return os.memfd_create(name, flags)
