"""What one field of a message may hold; each function returns the value or refuses it."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from teed_protocol.codes import MAX_PARAMETERS, Attribute
from teed_protocol.errors import RemoteProtocolError

T = TypeVar("T")
_TYPES = frozenset(Attribute)
_U64 = 2**64


class Parameter(NamedTuple):
    """One parameter of an operation, as in the kernel's ``struct tee_ioctl_param``.

    For a value: ``a``, ``b`` and ``c`` are the value (GlobalPlatform uses the low 32 bits of
    ``a`` and ``b``).  For a memory reference: ``a`` is the offset and ``b`` the size in
    bytes, ``c`` the number of the buffer, or MEMREF_NULL.
    """

    attr: int = 0
    a: int = 0
    b: int = 0
    c: int = 0

    @property
    def is_memref(self) -> bool:
        return self.attr >= Attribute.MEMREF_INPUT

    @property
    def is_output(self) -> bool:
        """Whether the TEE writes to it: the low two bits are input and output."""
        return bool(self.attr & 2)

    @property
    def is_input(self) -> bool:
        return bool(self.attr & 1)


Parameters = tuple[Parameter, ...]


def u32(value: object) -> int:
    return _unsigned(value, 2**32)


def u64(value: object) -> int:
    return _unsigned(value, _U64)


def text(value: object) -> str:
    """A short text: a name, a sentence."""
    if not isinstance(value, str) or len(value) > 1024:
        raise RemoteProtocolError("not a text of at most 1024 characters")
    return value


def uuid(value: object) -> bytes:
    """A UUID as its 16 octets in RFC 4122 order."""
    if not isinstance(value, bytes) or len(value) != 16:
        raise RemoteProtocolError("a UUID is 16 octets")
    return value


def numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise RemoteProtocolError("not an array of numbers")
    return tuple(u32(each) for each in value)


def parameters(value: object) -> Parameters:
    """At most four ``[attr, a, b, c]``."""
    if not isinstance(value, list) or len(value) > MAX_PARAMETERS:
        raise RemoteProtocolError(f"not an array of at most {MAX_PARAMETERS} parameters")
    return tuple(_parameter(each) for each in value)


def optional(check: Callable[[object], T]) -> Callable[[object], T | None]:
    """The same check for a field that may be nil."""

    def check_or_nil(value: object) -> T | None:
        return None if value is None else check(value)

    return check_or_nil


def _parameter(value: Any) -> Parameter:
    if not isinstance(value, list) or len(value) != 4:
        raise RemoteProtocolError("a parameter is [attr, a, b, c]")
    if not all(type(number) is int and 0 <= number < _U64 for number in value):
        raise RemoteProtocolError("a parameter's numbers are unsigned, 64 bits wide")
    if value[0] not in _TYPES:
        raise RemoteProtocolError(f"no parameter has the attribute {value[0]:#x}")
    return Parameter(*value)


def _unsigned(value: object, limit: int) -> int:
    if type(value) is not int or not 0 <= value < limit:
        raise RemoteProtocolError(f"not an unsigned number below {limit:#x}")
    return value
