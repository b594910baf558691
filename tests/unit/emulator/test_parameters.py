"""What of a call's parameters reaches an application, and what comes back."""

import errno
import mmap
import os
from collections.abc import Callable, Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teed.driver.emulator import Emulator, Options
from teed.driver.emulator.application import MemoryReference, Seen, TrustedApplication, Value
from teed.driver.emulator.session import Session
from teed.driver.interface import Credentials, Opening
from teed_protocol.codes import MEMREF_NULL, Attribute, Origin, Result
from teed_protocol.fields import Parameter

PAGE = mmap.PAGESIZE
U32, U64 = 2**32 - 1, 2**64 - 1

NONE = Attribute.NONE
VALUE_INPUT, VALUE_OUTPUT = Attribute.VALUE_INPUT, Attribute.VALUE_OUTPUT
VALUE_INOUT = Attribute.VALUE_INOUT
MEMREF_INPUT, MEMREF_OUTPUT = Attribute.MEMREF_INPUT, Attribute.MEMREF_OUTPUT
MEMREF_INOUT = Attribute.MEMREF_INOUT


class Mirror(TrustedApplication):
    """Remembers what it saw; the command is its result."""

    uuid = UUID(int=4)
    seen: Sequence[tuple[object, ...]] = ()

    def invoke(self, session: Session, number: int, parameters: Sequence[Seen]) -> int:
        type(self).seen = [self._look(each) for each in parameters]
        return number

    def _look(self, parameter: Seen) -> tuple[object, ...]:
        match parameter:
            case Value(a=a, b=b):
                return (a, b)
            case MemoryReference(buffer=None, size=size):
                return (None, size)
            case MemoryReference(buffer=buffer, size=size):
                return (bytes(buffer), size)
        return ()


class Changer(TrustedApplication):
    """Changes whatever it gets, and then does what the command says."""

    uuid = UUID(int=5)

    def invoke(self, session: Session, number: int, parameters: Sequence[Seen]) -> int:
        for each in parameters:
            match each:
                case Value():
                    each.a, each.b = -1, 2**40 + 7
                case MemoryReference():
                    each.size = 12345
        if number == U32:
            self.panic(1)
        return number


@pytest.fixture
def tee(emulate: Callable[..., Emulator]) -> Emulator:
    return emulate(Mirror, Changer)


@pytest.fixture
def mirror(tee: Emulator, opened: Callable[..., int]) -> int:
    return opened(tee, Mirror)


@pytest.fixture
def changer(tee: Emulator, opened: Callable[..., int]) -> int:
    return opened(tee, Changer)


def test_an_application_sees_four_parameters_of_32_bits(tee: Emulator, mirror: int) -> None:
    parameters = (
        Parameter(VALUE_INPUT, 2**32 + 1, U64, 3),
        Parameter(VALUE_OUTPUT, 4, 5, 6),
        Parameter(VALUE_INOUT, 7, 8, 9),
    )

    assert tee.invoke(mirror, 0, parameters, 0).result == 0

    assert Mirror.seen == [(1, U32), (0, 0), (7, 8), ()]


def test_null_empty_and_full_references_are_three_things(tee: Emulator, mirror: int) -> None:
    memory = tee.allocate(1)
    with mmap.mmap(memory.fd, memory.size) as pages:
        pages[2:5] = b"abc"
    parameters = (
        Parameter(MEMREF_INPUT, 2, 3, memory.id),
        Parameter(MEMREF_INPUT, memory.size, 0, memory.id),
        Parameter(MEMREF_INPUT, 0, 0, MEMREF_NULL),
        Parameter(MEMREF_INPUT, 5, 6, MEMREF_NULL),
    )

    assert tee.invoke(mirror, 0, parameters, 0).result == 0

    assert Mirror.seen == [(b"abc", 3), (b"", 0), (None, 0), (None, 0)]


def test_null_references_are_refused_by_a_tee_that_has_none(
    emulate: Callable[..., Emulator], opened: Callable[..., int]
) -> None:
    tee = emulate(Mirror, memref_null=False)
    session = opened(tee, Mirror)

    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        tee.invoke(session, 0, (Parameter(MEMREF_INPUT, 0, 0, MEMREF_NULL),), 0)


@pytest.mark.parametrize("result", [0, Result.ERROR_SHORT_BUFFER, Result.ERROR_GENERIC, 77])
def test_outputs_come_back_whatever_the_result(
    tee: Emulator, changer: int, result: int
) -> None:
    memory = tee.allocate(1)
    parameters = (
        Parameter(VALUE_OUTPUT, 1, 2, 3),
        Parameter(VALUE_INOUT, 4, 5, 6),
        Parameter(MEMREF_OUTPUT, 7, 8, memory.id),
        Parameter(MEMREF_INOUT, 0, 0, MEMREF_NULL),
    )

    answer = tee.invoke(changer, result, parameters, 0)

    assert (answer.result, answer.origin) == (result, Origin.TRUSTED_APP)
    assert answer.parameters == (
        Parameter(VALUE_OUTPUT, U32, 7, 0),
        Parameter(VALUE_INOUT, U32, 7, 6),
        Parameter(MEMREF_OUTPUT, 7, 12345, memory.id),
        Parameter(MEMREF_INOUT, 0, 12345, MEMREF_NULL),
    )


def test_inputs_come_back_as_they_were(tee: Emulator, changer: int) -> None:
    memory = tee.allocate(1)
    parameters = (
        Parameter(VALUE_INPUT, U64, 2, 3),
        Parameter(MEMREF_INPUT, 7, 8, memory.id),
        Parameter(NONE, 1, 2, 3),
    )

    assert tee.invoke(changer, 0, parameters, 0).parameters == parameters


def test_a_panic_gives_nothing_back(tee: Emulator, changer: int) -> None:
    memory = tee.allocate(1)
    parameters = (
        Parameter(VALUE_OUTPUT, 1, 2, 3),
        Parameter(VALUE_INOUT, 4, 5, 6),
        Parameter(MEMREF_OUTPUT, 7, 8, memory.id),
    )

    answer = tee.invoke(changer, U32, parameters, 0)

    assert answer.is_dead
    assert answer.parameters == (Parameter(VALUE_OUTPUT), *parameters[1:])


@pytest.mark.parametrize(
    ("offset", "size"), [(0, PAGE + 1), (PAGE, 1), (PAGE + 1, 0), (U64, 1), (1, U64)]
)
def test_a_reference_beyond_its_memory_is_refused(
    tee: Emulator, mirror: int, offset: int, size: int
) -> None:
    memory = tee.allocate(PAGE)

    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        tee.invoke(mirror, 0, (Parameter(MEMREF_INPUT, offset, size, memory.id),), 0)


@pytest.mark.parametrize("attr", [4, 8, 11, 0x101, 0x105, 2**32 + 1])
def test_an_attribute_that_linux_does_not_know_is_refused(
    tee: Emulator, mirror: int, attr: int
) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        tee.invoke(mirror, 0, (Parameter(attr),), 0)


def test_linux_opens_with_four_parameters_and_no_more(
    tee: Emulator, opening: Callable[..., Opening]
) -> None:
    assert tee.open_session(opening(Mirror, *[Parameter()] * 4)).result == 0
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        tee.open_session(opening(Mirror, *[Parameter()] * 5))


def test_linux_carries_six_parameters_but_the_tee_takes_four(
    tee: Emulator, mirror: int
) -> None:
    answer = tee.invoke(mirror, 0, (Parameter(),) * 6, 0)

    assert (answer.result, answer.origin) == (Result.ERROR_BAD_PARAMETERS, Origin.TEE)
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        tee.invoke(mirror, 0, (Parameter(),) * 7, 0)


def test_a_refused_call_keeps_no_memory(tee: Emulator, mirror: int) -> None:
    memory = tee.allocate(1)
    parameters = (
        Parameter(MEMREF_INPUT, 0, 1, memory.id),
        Parameter(MEMREF_INPUT, 0, 1, memory.id + 1),
    )

    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        tee.invoke(mirror, 0, parameters, 0)
    memory.close()

    assert tee.shared_memories == 0


near_the_edges = st.sampled_from([0, 1, PAGE - 1, PAGE, PAGE + 1, 2**32, 2**63, U64 - 1, U64])
wild_parameters = st.builds(
    Parameter,
    st.sampled_from([*range(9), 16, 0x105, 2**32 + 1]),
    near_the_edges,
    near_the_edges,
    st.sampled_from([1, 1, 1, 2, 2**32 + 1, MEMREF_NULL]),
)


def _is_good(parameter: Parameter) -> bool:
    """What Linux accepts, with one page of memory that has the number 1."""
    attr, offset, size, number = parameter
    if attr in (0, 1, 2, 3):
        return True
    inside = number == 1 and offset + size <= PAGE
    return attr in (5, 6, 7) and (inside or number == MEMREF_NULL)


@given(st.lists(wild_parameters, max_size=4).map(tuple))
def test_wild_parameters_are_refused_by_the_driver_or_seen(
    parameters: tuple[Parameter, ...],
) -> None:
    tee = Emulator(Options(applications=[Mirror]))
    memory = tee.allocate(PAGE)
    opening = Opening(Mirror.uuid.bytes, 0, None, Credentials(0, 0), ())
    session = tee.open_session(opening).session
    if all(map(_is_good, parameters)):
        answer = tee.invoke(session, 0, parameters, 0)
        assert (answer.result, answer.origin) == (0, Origin.TRUSTED_APP)
        assert [each.attr for each in answer.parameters] == [each.attr for each in parameters]
    else:
        with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
            tee.invoke(session, 0, parameters, 0)
    memory.close()
    assert tee.shared_memories == 0
