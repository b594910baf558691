"""The parameters of an operation: values and memory references, as in TEEC_Operation.

A parameter is made, given to a call, and read after it: outputs are updated on success and
on error alike, since SHORT_BUFFER says what it wants in a size.  The same one may be given
to further calls.  GlobalPlatform TEE Client API 1.0, sections 4.3.6 to 4.3.10.
"""

from typing import TYPE_CHECKING, Any

from teed_client.errors import bad_parameters
from teed_client.given import expect, integer, number, view_of
from teed_client.memory import Direction, Memory, application_bytes
from teed_client.parameter import MEMREF, Parameter, Wire
from teed_client.shadow import Shadowed
from teed_client.temporary import Null, Placed

if TYPE_CHECKING:
    from teed_client.arena import Block
    from teed_client.core import Client

_U32 = 0xFFFFFFFF


class Value(Parameter):
    """Two numbers ``a`` and ``b`` of 32 bits: TEEC_Value.

    TypeError or ValueError from the call when what is given is no such number.
    """

    __slots__ = ("a", "b", "direction")

    def __init__(self, a: int = 0, b: int = 0, direction: int = Direction.INOUT) -> None:
        self.a = a
        self.b = b
        self.direction = Direction.of(direction)

    def bind(self, client: "Client") -> "Value":
        a, b = self.a, self.b
        if type(a) is not int or type(b) is not int or (a | b) >> 32:
            self.a, self.b = number("a of a Value", a), number("b of a Value", b)
        return self

    def send(self, block: "Block | None") -> Wire:
        return self.direction, self.a, self.b, 0

    def receive(self, a: int, b: int) -> None:
        self.a = a & _U32
        self.b = b & _U32

    def __repr__(self) -> str:
        return f"Value({self.a:#x}, {self.b:#x}, {self.direction.name})"


class Temporary(Parameter):
    """Memory that is shared for one call only: TEEC_TempMemoryReference.

    *data* is anything bytes-like, contiguous, and writable unless the direction is INPUT.
    All of it is offered; what the application does not write stays as it was.  None refers
    to nothing, with which applications are commonly asked for the size they need.

    Of one operation, references to the same memory, or to parts that overlap, show the
    application the same memory too, unless the one that is an input cannot be written.

    ``size`` (bytes) is what the application said when the call is over: how much it wrote,
    or how much it needs when that is more than *data* holds.
    """

    __slots__ = ("data", "direction", "size")

    def __init__(self, data: Any, direction: int) -> None:
        self.data = data
        self.direction = Direction.of(direction)
        self.size = 0 if data is None else view_of(data).nbytes

    def bind(self, client: "Client") -> Parameter:
        if self.data is None and client.null_references:
            return Null(self)
        data = b"" if self.data is None else self.data
        direction = Direction.INPUT if self.data is None else self.direction
        return Placed(self, application_bytes(data, direction))

    def __repr__(self) -> str:
        return f"<Temporary {self.direction.name}, size {self.size}>"


class Whole(Parameter):
    """All of a buffer, in the directions that its flags say: TEECMEMREF_WHOLE.

    ``size`` (bytes) is what the application said when the call is over, possibly more
    than the buffer has.
    """

    __slots__ = ("buffer", "size")

    def __init__(self, buffer: Memory) -> None:
        expect("a Whole refers to a Buffer", buffer, Memory)
        self.buffer = buffer
        self.size = buffer.size

    def bind(self, client: "Client") -> Parameter:
        _check_owner(self.buffer, client)
        if self.buffer.shadowed:
            return Shadowed(
                self.buffer.shadowed, self, self.buffer.flags, (0, self.buffer.size)
            )
        return self

    def send(self, block: "Block | None") -> Wire:
        buffer = self.buffer
        return MEMREF + buffer.flags, 0, buffer.size, buffer.number

    def receive(self, a: int, b: int) -> None:
        self.size = b

    def __repr__(self) -> str:
        return f"<Whole {self.buffer!r}, size {self.size}>"


class Partial(Parameter):
    """Part of a buffer, in a direction that its flags include: TEECMEMREF_PARTIAL_INPUT...

    *size* bytes from *offset* are offered, by this call and by the next one.  Afterwards
    ``size`` (bytes) is what the application said, possibly more than was offered; what is
    offered stays ``capacity``.
    """

    __slots__ = ("buffer", "capacity", "direction", "offset", "size")

    def __init__(self, buffer: Memory, offset: int, size: int, direction: int) -> None:
        expect("a Partial refers to a Buffer", buffer, Memory)
        self.buffer = buffer
        self.offset = offset
        self.size = self.capacity = size
        self.direction = Direction.of(direction)

    def bind(self, client: "Client") -> Parameter:
        buffer, offset, capacity = self.buffer, self.offset, self.capacity
        if type(offset) is not int or type(capacity) is not int:
            offset = self.offset = integer("the offset of a Partial", offset)
            capacity = self.capacity = integer("the size of a Partial", capacity)
        _check_owner(buffer, client)
        if offset < 0 or capacity < 0 or offset + capacity > buffer.size:
            end = offset + capacity
            raise bad_parameters(f"bytes {offset} to {end} of a buffer of {buffer.size}")
        if self.direction & ~buffer.flags:
            allowed = buffer.flags.name
            raise bad_parameters(f"{self.direction.name} of a buffer made for {allowed}")
        if buffer.shadowed:
            span = offset, offset + capacity
            return Shadowed(buffer.shadowed, self, self.direction, span)
        return self

    def send(self, block: "Block | None") -> Wire:
        return MEMREF + self.direction, self.offset, self.capacity, self.buffer.number

    def receive(self, a: int, b: int) -> None:
        self.size = b

    def __repr__(self) -> str:
        place = f"{self.capacity} bytes at {self.offset} of {self.buffer!r}"
        return f"<Partial {self.direction.name}, {place}, size {self.size}>"


def _check_owner(buffer: Memory, client: "Client") -> None:
    if buffer.released:
        raise bad_parameters("the buffer was released")
    if buffer.owner is not client:
        raise bad_parameters("the buffer was made by another context")
