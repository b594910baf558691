"""What a trusted application is written with: the base class, parameters, results.

A trusted application is a class; an object of it is an *instance*, with the life cycle of
GlobalPlatform's TEE Internal Core API, section 4.3: made (``__init__``), sessions opened,
commands invoked, sessions closed, destroyed.  Only one of its methods runs at a time.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn
from uuid import UUID

from teed.driver.emulator.session import Session
from teed_protocol.codes import Attribute, Result
from teed_protocol.errors import TeedError

if TYPE_CHECKING:
    from teed.driver.emulator.storage import TrustedStorage

Kind = Attribute | Collection[Attribute]
"""What a command takes in one place: one kind of parameter, or one of several."""

ANY: Collection[Attribute] = frozenset(Attribute)
ANY_MEMREF: Collection[Attribute] = frozenset(
    {Attribute.MEMREF_INPUT, Attribute.MEMREF_OUTPUT, Attribute.MEMREF_INOUT}
)


class TaError(TeedError):
    """The application says no: its result is *code*.  What it has put out comes back."""

    def __init__(self, code: int) -> None:
        super().__init__(f"result {code:#010x}")
        self.code = code


def require(condition: object, otherwise: int = Result.ERROR_BAD_PARAMETERS) -> None:
    """The command ends with the result *otherwise*, unless *condition* holds."""
    if not condition:
        raise TaError(otherwise)


class Panic(BaseException):
    """The application gives up, and its instance is dead.

    No Exception, so that no careless handler in an application can survive it.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"panic code {code:#010x}")
        self.code = code


class Value:
    """A value parameter: ``a`` and ``b``, 32 bits each; what is more is cut off."""

    def __init__(self, attr: int, a: int, b: int) -> None:
        self.attr = attr
        self.a = a
        self.b = b


class MemoryReference:
    """A memory reference: ``buffer`` is the shared memory itself, and can change any time.

    It is read-only when the reference is only an input.  It is None for a null reference,
    which is not the same as the empty buffer of a reference of size 0.  ``size`` is what
    the client gets to know: more than the buffer holds when the application needs more.
    """

    def __init__(self, attr: int, buffer: memoryview | None) -> None:
        self.attr = attr
        self.buffer = buffer
        self.size = self.capacity

    @property
    def capacity(self) -> int:
        """How many bytes the client has offered."""
        return 0 if self.buffer is None else len(self.buffer)

    def read(self) -> bytes:
        """A copy of the input, which a client cannot change under one's hands."""
        return b"" if self.buffer is None else bytes(self.buffer)

    def check_room(self, size: int) -> None:
        """SHORT_BUFFER, and *size* for the client to know, when so much does not fit."""
        self.size = size
        if size > self.capacity:
            raise TaError(Result.ERROR_SHORT_BUFFER)

    def write(self, data: bytes | memoryview) -> None:
        """Put out *data*, or only its size when there is no room for it."""
        self.check_room(len(data))
        if self.buffer is not None:
            self.buffer[: self.size] = data


Seen = Value | MemoryReference | None
"""A parameter as an application sees it; None is one of type NONE."""


class Command(NamedTuple):
    """A method of an application that runs one of its commands."""

    number: int
    kinds: tuple[Kind, ...]
    method: Callable[..., int | None]

    def takes(self, parameters: Sequence[Seen]) -> bool:
        padding = (Attribute.NONE,) * (len(parameters) - len(self.kinds))
        return all(
            _is_one_of(parameter, kind)
            for parameter, kind in zip(parameters, (*self.kinds, *padding), strict=True)
        )


def command(number: int, *kinds: Kind) -> Callable[[Callable[..., int | None]], Command]:
    """Make a method the command *number*, with a parameter of each of *kinds*.

    The method gets the session and these parameters.  It returns nothing, or a result code.
    """
    return lambda method: Command(number, kinds, method)


class TrustedApplication:
    """Base class of the emulator's trusted applications; ``applications`` has examples."""

    uuid: ClassVar[UUID]
    single_instance: ClassVar[bool] = False
    multi_session: ClassVar[bool] = False
    keep_alive: ClassVar[bool] = False
    """The last two mean something only for a single instance, as in OP-TEE."""

    unknown_command: ClassVar[int] = Result.ERROR_NOT_SUPPORTED
    storage: "TrustedStorage"
    """Its persistent objects, which outlive it; there from the first session on."""

    commands: ClassVar[dict[int, Command]] = {}

    def __init_subclass__(cls) -> None:
        own = [each for each in vars(cls).values() if isinstance(each, Command)]
        cls.commands = {**cls.commands, **{each.number: each for each in own}}

    def open_session(self, session: Session, parameters: Sequence[Seen]) -> int | None:
        """``TA_OpenSessionEntryPoint``: a result other than 0 refuses the session."""

    def invoke(self, session: Session, number: int, parameters: Sequence[Seen]) -> int | None:
        """``TA_InvokeCommandEntryPoint``: runs the method that was made this command."""
        chosen = self.commands.get(number)
        if chosen is None:
            return self.unknown_command
        if not chosen.takes(parameters):
            return Result.ERROR_BAD_PARAMETERS
        return chosen.method(self, session, *parameters[: len(chosen.kinds)])

    def close_session(self, session: Session) -> None:
        """``TA_CloseSessionEntryPoint``."""

    def destroy(self) -> None:
        """``TA_DestroyEntryPoint``: the instance is about to go."""

    def panic(self, code: int) -> NoReturn:
        """``TEE_Panic``: this instance and all its sessions are dead."""
        raise Panic(code)


def _is_one_of(parameter: Seen, kind: Kind) -> bool:
    attr: Any = Attribute.NONE if parameter is None else parameter.attr
    return attr == kind if isinstance(kind, Attribute) else attr in kind
