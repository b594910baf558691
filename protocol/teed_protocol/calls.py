"""What can be asked and what is answered: the params and the result of every method.

Each class is one array on the wire, its fields in this order.  ``docs/protocol.md`` is the
specification.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Self, get_type_hints

from teed_protocol.errors import RemoteProtocolError
from teed_protocol.fields import (
    Parameters,
    numbers,
    optional,
    parameters,
    text,
    u32,
    u64,
    uuid,
)

U32 = Annotated[int, u32]
U64 = Annotated[int, u64]
Text = Annotated[str, text]


class Array:
    """An array on the wire whose fields are checked one by one."""

    _checks: ClassVar[tuple[tuple[str, Callable[[object], Any]], ...]]
    _may_grow: ClassVar[bool] = False

    @classmethod
    def from_wire(cls, values: object) -> Self:
        """Read an array; RemoteProtocolError names the field that is wrong.

        Fields that are missing at the end are nil, so that a later version may add some.
        """
        checks = cls._field_checks()
        if cls._may_grow and isinstance(values, list):
            values = values[: len(checks)]
        if not isinstance(values, list) or len(values) > len(checks):
            raise RemoteProtocolError(f"{cls.__name__} is an array of {len(checks)}")
        padded = values + [None] * (len(checks) - len(values))
        read = []
        try:
            for (name, check), value in zip(checks, padded, strict=True):  # noqa: B007  # used below
                read.append(check(value))
        except RemoteProtocolError as wrong:
            raise RemoteProtocolError(f"{name}: {wrong}") from None
        return cls(*read)

    def to_wire(self) -> Sequence[Any]:
        return [getattr(self, name) for name, _ in self._field_checks()]

    @classmethod
    def _field_checks(cls) -> tuple[tuple[str, Callable[[object], Any]], ...]:
        if "_checks" not in cls.__dict__:
            hints = get_type_hints(cls, include_extras=True)
            cls._checks = tuple(
                (field.name, hints[field.name].__metadata__[0])
                for field in fields(cls)  # type: ignore[arg-type]  # subclasses are dataclasses
            )
        return cls._checks


class Answer(Array):
    """A result: a client ignores the fields that a later version of teed has added."""

    _may_grow = True


@dataclass(frozen=True)
class Hello(Array):
    """The first request: the versions that the client speaks, and its name for the log."""

    METHOD: ClassVar[str] = "hello"
    versions: Annotated[tuple[int, ...], numbers]
    client: Text


@dataclass(frozen=True)
class Welcome(Answer):
    """The answer to hello: the version chosen, the TEE, and what teed advises.

    ``impl_id``, ``impl_caps`` and ``gen_caps`` are those of ``TEE_IOC_VERSION``.
    ``arena`` is the size in bytes that answers fastest for temporary references.
    """

    version: U32
    server: Text
    driver: Text
    impl_id: U32
    impl_caps: U32
    gen_caps: U32
    arena: U64


@dataclass(frozen=True)
class Allocate(Array):
    """Give me a buffer of this many bytes; a descriptor comes with the answer."""

    METHOD: ClassVar[str] = "allocate"
    size: U64


@dataclass(frozen=True)
class Register(Array):
    """Take my memfd, which comes with this message, as a buffer of this many bytes."""

    METHOD: ClassVar[str] = "register"
    size: U64


@dataclass(frozen=True)
class BufferMade(Answer):
    """The answer to both: the buffer's number, and how many bytes of it can be used."""

    buffer: U32
    size: U64


@dataclass(frozen=True)
class Release(Array):
    """I no longer need this buffer."""

    METHOD: ClassVar[str] = "release"
    buffer: U32


@dataclass(frozen=True)
class Open(Array):
    """Open a session, or with ``share`` join the one that has this name."""

    METHOD: ClassVar[str] = "open"
    uuid: Annotated[bytes, uuid]
    login: U32
    group: Annotated[int | None, optional(u32)]
    parameters: Annotated[Parameters, parameters]
    share: Annotated[str | None, optional(text)] = None


@dataclass(frozen=True)
class Opened(Answer):
    """What the TEE answered; on success a session, and its channel comes along."""

    result: U32
    origin: U32
    parameters: Annotated[Parameters, parameters]
    session: Annotated[int | None, optional(u32)]


@dataclass(frozen=True)
class Close(Array):
    """Leave this session; the answer comes when it is done."""

    METHOD: ClassVar[str] = "close"
    session: U32


@dataclass(frozen=True)
class Cancel(Array):
    """Cancel a request: on the session's channel, or with nil an ``open``."""

    METHOD: ClassVar[str] = "cancel"
    session: Annotated[int | None, optional(u32)]
    request: U32


@dataclass(frozen=True)
class Status(Array):
    """How is it going?  The answer is a map of names to numbers."""

    METHOD: ClassVar[str] = "status"


@dataclass(frozen=True)
class Invoke(Array):
    """On a channel: run this command of the trusted application."""

    METHOD: ClassVar[str] = "invoke"
    command: U32
    parameters: Annotated[Parameters, parameters]


@dataclass(frozen=True)
class Invoked(Answer):
    """What the TEE answered, outputs included whatever the result."""

    result: U32
    origin: U32
    parameters: Annotated[Parameters, parameters]


GOODBYE = "goodbye"
"""The notification that teed sends before it hangs up: ``[code, origin, reason, text]``."""

WITHDRAWN, REQUESTED, NOT_FOUND = "withdrawn", "requested", "not-found"
"""The answers to cancel: it never entered the TEE; the TEE was asked; nothing to cancel."""
