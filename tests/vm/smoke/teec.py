"""Just enough of the stock libteec.so.2, through ctypes, to check the machine with."""

import ctypes
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

SUCCESS = 0x00000000
CANCEL = 0xFFFF0002
BAD_PARAMETERS = 0xFFFF0006
BAD_STATE = 0xFFFF0007
NOT_SUPPORTED = 0xFFFF000A
OUT_OF_MEMORY = 0xFFFF000C
BUSY = 0xFFFF000D
SHORT_BUFFER = 0xFFFF0010
TARGET_DEAD = 0xFFFF3024

COMMS, TEE, APPLICATION = 2, 3, 4
PUBLIC, USER = 0, 1
IN, OUT, INOUT = 1, 2, 3

_TEMPORARY, _WHOLE, _PARTIAL_BASE = 4, 0xC, 0xC


class _Context(ctypes.Structure):
    _fields_ = [
        ("fd", ctypes.c_int),
        ("reg_mem", ctypes.c_bool),
        ("memref_null", ctypes.c_bool),
    ]


class _Implementation(ctypes.Structure):
    _fields_ = [
        ("id", ctypes.c_int),
        ("alloced_size", ctypes.c_size_t),
        ("shadow_buffer", ctypes.c_void_p),
        ("registered_fd", ctypes.c_int),
        ("flags", ctypes.c_uint32),
    ]


class _SharedMemory(ctypes.Structure):
    _fields_ = [
        ("buffer", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("flags", ctypes.c_uint32),
        ("imp", _Implementation),
    ]


class _Temporary(ctypes.Structure):
    _fields_ = [("buffer", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class _Registered(ctypes.Structure):
    _fields_ = [
        ("parent", ctypes.POINTER(_SharedMemory)),
        ("size", ctypes.c_size_t),
        ("offset", ctypes.c_size_t),
    ]


class _Value(ctypes.Structure):
    _fields_ = [("a", ctypes.c_uint32), ("b", ctypes.c_uint32)]


class _Parameter(ctypes.Union):
    _fields_ = [("tmpref", _Temporary), ("memref", _Registered), ("value", _Value)]


class _Session(ctypes.Structure):
    _fields_ = [("context", ctypes.c_void_p), ("id", ctypes.c_uint32)]


class _Operation(ctypes.Structure):
    _fields_ = [
        ("started", ctypes.c_uint32),
        ("types", ctypes.c_uint32),
        ("params", _Parameter * 4),
        ("session", ctypes.c_void_p),
    ]


_lib = ctypes.CDLL("libteec.so.2")
for _name in ("InitializeContext", "OpenSession", "InvokeCommand", "RegisterSharedMemory"):
    getattr(_lib, f"TEEC_{_name}").restype = ctypes.c_uint32


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, code: int, origin: int) -> None:
        super().__init__(f"{code:#010x} from origin {origin}")
        self.code = code
        self.origin = origin


@dataclass
class Value:
    direction: int
    a: int = 0
    b: int = 0

    def write(self, param: _Parameter) -> int:
        param.value = _Value(self.a, self.b)
        return self.direction

    def read(self, param: _Parameter) -> None:
        if self.direction != IN:
            self.a, self.b = param.value.a, param.value.b


@dataclass
class Temporary:
    """A temporary memory reference; *content* None is the null pointer."""

    direction: int
    content: bytes | None
    size: int = -1

    def __post_init__(self) -> None:
        if self.size < 0:
            self.size = len(self.content or b"")
        self._array = (
            None
            if self.content is None
            else ctypes.create_string_buffer(self.content, max(len(self.content), 1))
        )

    def write(self, param: _Parameter) -> int:
        address = None if self._array is None else ctypes.addressof(self._array)
        param.tmpref = _Temporary(address, self.size)
        return _TEMPORARY + self.direction

    def read(self, param: _Parameter) -> None:
        if self.direction != IN:
            self.size = param.tmpref.size
            if self._array is not None:
                self.content = self._array.raw[: len(self.content or b"")]


class Memory:
    """Memory of ours that is registered with the TEE."""

    def __init__(self, context: "Context", size: int) -> None:
        self.array = ctypes.create_string_buffer(size)
        self.raw = _SharedMemory(ctypes.addressof(self.array), size, INOUT)
        _check(_lib.TEEC_RegisterSharedMemory(context.raw, ctypes.byref(self.raw)), 0)

    def release(self) -> None:
        _lib.TEEC_ReleaseSharedMemory(ctypes.byref(self.raw))


@dataclass
class Part:
    """A partial reference to registered memory; the whole of it without a *size*."""

    direction: int
    memory: Memory
    offset: int = 0
    size: int | None = None

    def write(self, param: _Parameter) -> int:
        param.memref = _Registered(ctypes.pointer(self.memory.raw), self.size or 0, self.offset)
        return _WHOLE if self.size is None else _PARTIAL_BASE + self.direction

    def read(self, param: _Parameter) -> None:
        if self.direction != IN:
            self.size = param.memref.size


Parameter = Value | Temporary | Part


@dataclass
class Operation:
    params: tuple[Parameter, ...]
    raw: _Operation = field(default_factory=_Operation)

    def __post_init__(self) -> None:
        for index, param in enumerate(self.params):
            self.raw.types |= param.write(self.raw.params[index]) << (4 * index)

    def cancel(self) -> None:
        _lib.TEEC_RequestCancellation(ctypes.byref(self.raw))

    def finish(self, code: int, origin: int) -> None:
        for index, param in enumerate(self.params):
            param.read(self.raw.params[index])
        _check(code, origin)


class Session:
    def __init__(self, raw: _Session) -> None:
        self.raw = raw

    def invoke(self, command: int, *params: Parameter) -> None:
        self.run(command, Operation(params))

    def run(self, command: int, operation: Operation) -> None:
        origin = ctypes.c_uint32()
        code = _lib.TEEC_InvokeCommand(
            ctypes.byref(self.raw),
            ctypes.c_uint32(command),
            ctypes.byref(operation.raw),
            ctypes.byref(origin),
        )
        operation.finish(code, origin.value)

    def close(self) -> None:
        _lib.TEEC_CloseSession(ctypes.byref(self.raw))


class Context:
    def __init__(self) -> None:
        self._context = _Context()
        self.raw = ctypes.byref(self._context)
        _check(_lib.TEEC_InitializeContext(None, self.raw), 0)

    def open(self, application: uuid.UUID, *params: Parameter, login: int = 0) -> Session:
        session, origin, operation = _Session(), ctypes.c_uint32(), Operation(params)
        # TEEC_UUID is what bytes_le is: three numbers of this machine, then octets.
        code = _lib.TEEC_OpenSession(
            self.raw,
            ctypes.byref(session),
            application.bytes_le,
            ctypes.c_uint32(login),
            None,
            ctypes.byref(operation.raw),
            ctypes.byref(origin),
        )
        operation.finish(code, origin.value)
        return Session(session)

    def close(self) -> None:
        _lib.TEEC_FinalizeContext(self.raw)


@contextmanager
def opened(context: Context, application: uuid.UUID, login: int = 0) -> Iterator[Session]:
    session = context.open(application, login=login)
    yield session
    session.close()


def _check(code: int, origin: int) -> None:
    if code != SUCCESS:
        raise Refused(code, origin)
