"""What an application gives, checked before anything is sent: an error names what is wrong."""

from operator import index
from typing import Any

MAX_TEXT = 1024
"""A text has at most so many characters on the wire."""


def integer(name: str, value: Any) -> int:
    """*value* as a plain int, which a bool or a number of numpy's is made into."""
    try:
        return int(index(value))
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {_kind(value)}") from None


def number(name: str, value: Any) -> int:
    """A number of 32 bits, as the results, commands and values of GlobalPlatform are."""
    plain = integer(name, value)
    if plain >> 32:
        raise ValueError(f"{name} must be a number of 32 bits, not {plain:#x}")
    return plain


def text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, not {_kind(value)}")
    if len(value) > MAX_TEXT:
        raise ValueError(f"{name} has at most {MAX_TEXT} characters, not {len(value)}")
    if not value.isascii():
        value.encode()  # UnicodeEncodeError, a ValueError, for what is no text
    return value


def octets(uuid: Any) -> bytes:
    """The 16 octets of a UUID, given as text, as octets or as a ``uuid.UUID``."""
    found = getattr(uuid, "bytes", uuid)
    if isinstance(found, str):
        found = _unhex(found.replace("-", ""))
    if not isinstance(found, bytes):
        raise TypeError(f"a UUID must be text, 16 octets or a uuid.UUID, not {_kind(uuid)}")
    if len(found) != 16:
        raise ValueError(f"{uuid!r} is no UUID")
    return found


def size_of_buffer(size: Any) -> int:
    """A size in bytes as it can be asked for; ValueError when no buffer can have it."""
    plain = integer("the size of a buffer", size)
    if not 0 <= plain < 2**63:
        raise ValueError(f"a buffer cannot have {plain} bytes")
    return plain


def view_of(data: Any) -> memoryview:
    """The application's own memory, whatever it is that holds it."""
    try:
        return memoryview(data)
    except TypeError:
        raise TypeError(f"memory must be bytes-like, not {_kind(data)}") from None


def expect(rule: str, value: object, kind: type) -> None:
    """TypeError that tells the *rule*, unless *value* is of that kind."""
    if not isinstance(value, kind):
        raise TypeError(f"{rule}, not {_kind(value)}")


def _unhex(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return b""


def _kind(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
