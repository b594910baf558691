"""The parameters of a call: checked as the kernel does, seen by an application, given back."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from teed.driver.emulator.application import MemoryReference, Seen, Value
from teed.driver.emulator.memory import MemoryTable
from teed_protocol.codes import MAX_PARAMETERS, MEMREF_NULL, Attribute
from teed_protocol.fields import Parameter, Parameters

MOST = 6
"""Linux' OP-TEE driver carries six (``MAX_ARG_PARAM_COUNT``), of which opening needs two."""

_ATTRIBUTES = frozenset(Attribute)
_U32 = 2**32 - 1
_U64 = 2**64 - 1


class Arguments:
    """What came in, what the application sees of it, and what goes back.

    Outputs go back only when the application has returned.  One that was not entered, or
    that panicked, changes nothing but the VALUE_OUTPUTs, which the kernel cleared.
    """

    def __init__(self, given: Parameters, seen: Sequence[Seen]) -> None:
        padding = (None,) * (MAX_PARAMETERS - len(seen))
        self.seen: tuple[Seen, ...] = (*seen, *padding)
        self.too_many = len(seen) > MAX_PARAMETERS
        self.returned: Parameters = tuple(map(_cleared, given))

    def take_back(self) -> None:
        """The application has returned: what it left in the parameters is the output."""
        seen = self.seen[: len(self.returned)]
        self.returned = tuple(map(_updated, self.returned, seen))


@contextmanager
def arguments(given: Parameters, table: MemoryTable, null: bool) -> Iterator[Arguments]:
    """Check *given* and keep the memory that it refers to until the call is over.

    ``null`` is whether the TEE knows null references.  OSError is EINVAL.
    """
    if len(given) > MOST:
        raise _invalid()
    with ExitStack() as kept:
        yield Arguments(given, [_see(each, table, null, kept) for each in given])


def _see(given: Parameter, table: MemoryTable, null: bool, kept: ExitStack) -> Seen:
    match given.attr:
        case Attribute.NONE:
            return None
        case Attribute.VALUE_OUTPUT:
            return Value(given.attr, 0, 0)
        case Attribute.VALUE_INPUT | Attribute.VALUE_INOUT:
            return Value(given.attr, given.a & _U32, given.b & _U32)
        case attr if attr not in _ATTRIBUTES:
            raise _invalid()
    if given.c != MEMREF_NULL:
        return MemoryReference(given.attr, _shared_bytes(given, table, kept))
    if not null:
        raise _invalid()
    return MemoryReference(given.attr, None)


def _shared_bytes(given: Parameter, table: MemoryTable, kept: ExitStack) -> memoryview:
    memory = kept.enter_context(table.pinned(given.c))
    if given.a + given.b > memory.size:
        raise _invalid()
    return kept.enter_context(memory.view(given.a, given.b, given.is_output))


def _cleared(given: Parameter) -> Parameter:
    if given.attr == Attribute.VALUE_OUTPUT:
        return Parameter(given.attr)
    return given


def _updated(given: Parameter, seen: Seen) -> Parameter:
    if not given.is_output:
        return given
    match seen:
        case Value(a=a, b=b):
            return given._replace(a=a & _U32, b=b & _U32)
        case MemoryReference(size=size):
            return given._replace(b=size & _U64)
    return given


def _invalid() -> OSError:
    return OSError(errno.EINVAL, os.strerror(errno.EINVAL))
