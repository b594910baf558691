"""Memory references: nothing and empty, whole and in part, and what comes back of them."""

import mmap
from collections.abc import Callable
from typing import Any

import pytest

from teed_client import (
    Buffer,
    Capability,
    Context,
    Direction,
    Partial,
    Session,
    TeeError,
    Temporary,
    Value,
    Whole,
)
from teed_protocol.codes import Origin, Result

from .applications import TEED_TEST, Command

INPUT, OUTPUT, INOUT = Direction.INPUT, Direction.OUTPUT, Direction.INOUT
BAD_PARAMETERS = (Result.ERROR_BAD_PARAMETERS, Origin.API)
SHORT_BUFFER = (Result.ERROR_SHORT_BUFFER, Origin.TRUSTED_APP)
A_POINTER, NO_POINTER = 1, 0

Make = Callable[..., Buffer]
Settled = Callable[[Callable[[dict[str, int]], bool]], dict[str, int]]


def described(session: Session, reference: Any) -> tuple[int, int]:
    """The size that the application sees, and whether it sees a pointer."""
    seen = Value(direction=OUTPUT)
    session.invoke(Command.DESCRIBE, reference, seen)
    return seen.a, seen.b


def refusal(call: Callable[[], object]) -> tuple[int, int]:
    with pytest.raises(TeeError) as failed:
        call()
    return failed.value.code, failed.value.origin


def allocated(context: Context, size: int, flags: Direction = INOUT) -> Buffer:
    return context.allocate(size, flags)


def registered(context: Context, size: int, flags: Direction = INOUT) -> Buffer:
    return context.register(bytearray(size), flags)


MAKERS = pytest.mark.parametrize("make", [allocated, registered])
DIRECTIONS = pytest.mark.parametrize("direction", Direction)


# -- nothing, empty, of no size ----------------------------------------------------------------


@DIRECTIONS
def test_a_null_reference_is_no_pointer_where_the_tee_knows_one(
    context: Context, session: Session, direction: Direction
) -> None:
    known = Capability.MEMREF_NULL in context.capabilities
    seen = described(session, Temporary(None, direction))
    assert seen == (0, NO_POINTER if known else A_POINTER)


@DIRECTIONS
def test_an_empty_temporary_reference_is_a_pointer(
    session: Session, direction: Direction
) -> None:
    assert described(session, Temporary(bytearray(), direction)) == (0, A_POINTER)


@MAKERS
def test_memory_of_no_bytes_is_a_pointer_whole_and_in_part(
    context: Context, session: Session, make: Make
) -> None:
    with make(context, 0) as buffer:
        assert len(buffer.view) == 0
        assert described(session, Whole(buffer)) == (0, A_POINTER)
        assert described(session, Partial(buffer, 0, 0, INOUT)) == (0, A_POINTER)
        one_byte = Partial(buffer, 0, 1, INPUT)
        assert refusal(lambda: described(session, one_byte)) == BAD_PARAMETERS


@MAKERS
@pytest.mark.parametrize("offset", [0, 17, 5000])
def test_no_bytes_of_a_buffer_are_a_pointer_up_to_its_very_end(
    context: Context, session: Session, make: Make, offset: int
) -> None:
    with make(context, 5000) as buffer:
        assert described(session, Partial(buffer, offset, 0, INPUT)) == (0, A_POINTER)


def test_what_is_needed_is_told_to_whom_offers_nothing(session: Session) -> None:
    for nothing in (None, bytearray()):
        out = Temporary(nothing, OUTPUT)
        given = Temporary(bytes(100), INPUT)
        assert refusal(lambda g=given, o=out: session.invoke(Command.COPY, g, o)) == (
            SHORT_BUFFER
        )
        assert out.size == 100


# -- flags and directions ----------------------------------------------------------------------


@pytest.mark.parametrize("flags", [0, 4, 7, 8])
def test_memory_is_for_input_or_output_or_both(context: Context, flags: int) -> None:
    for make in (context.allocate, lambda size, flags: context.register(bytes(size), flags)):
        assert refusal(lambda make=make: make(64, flags)) == BAD_PARAMETERS


@MAKERS
def test_a_whole_reference_goes_the_way_that_its_memory_was_made_for(
    context: Context, session: Session, make: Make
) -> None:
    key = Value(1, direction=INPUT)
    for flags in (INPUT, OUTPUT):
        with make(context, 64, flags) as buffer:
            # The application wants one that goes both ways, and is told of another.
            refused = refusal(lambda b=buffer: session.invoke(Command.XOR, Whole(b), key))
            assert refused == (Result.ERROR_BAD_PARAMETERS, Origin.TRUSTED_APP)
    with make(context, 64) as buffer:
        session.invoke(Command.XOR, Whole(buffer), key)
        assert bytes(buffer.view) == b"\x01" * 64


@MAKERS
@pytest.mark.parametrize(
    ("flags", "direction"),
    [(INPUT, OUTPUT), (INPUT, INOUT), (OUTPUT, INPUT), (OUTPUT, INOUT)],
)
def test_a_partial_reference_goes_no_way_that_its_memory_was_not_made_for(
    context: Context, session: Session, make: Make, flags: Direction, direction: Direction
) -> None:
    with make(context, 64, flags) as buffer:
        part = Partial(buffer, 0, 8, direction)
        assert refusal(lambda: described(session, part)) == BAD_PARAMETERS
        assert described(session, Partial(buffer, 0, 8, flags)) == (8, A_POINTER)


@MAKERS
@pytest.mark.parametrize(
    ("offset", "size"),
    [(0, 5001), (5001, 0), (1, 5000), (2**64 - 1, 2), (2, 2**64 - 1), (-1, 1), (1, -1)],
)
def test_a_reference_stays_inside_its_buffer(
    context: Context, session: Session, make: Make, offset: int, size: int
) -> None:
    with make(context, 5000) as buffer:
        part = Partial(buffer, offset, size, INPUT)
        assert refusal(lambda: described(session, part)) == BAD_PARAMETERS


@MAKERS
def test_released_memory_is_not_referred_to(
    context: Context, session: Session, make: Make
) -> None:
    with make(context, 64) as buffer:
        whole, part = Whole(buffer), Partial(buffer, 0, 1, INPUT)
    for reference in (whole, part):
        assert refusal(lambda r=reference: described(session, r)) == BAD_PARAMETERS


# -- what comes back ---------------------------------------------------------------------------


@MAKERS
def test_the_size_of_an_input_is_left_alone(
    context: Context, session: Session, make: Make
) -> None:
    with make(context, 64) as buffer, context.register(bytes(64), INPUT) as constant:
        given = [Temporary(bytes(9), INPUT), Partial(buffer, 0, 7, INPUT), Whole(constant)]
        session.invoke(Command.NOP, *given)
        assert [each.size for each in given] == [9, 7, 64]


@MAKERS
def test_the_size_of_an_output_is_what_the_application_wrote(
    context: Context, session: Session, make: Make
) -> None:
    with make(context, 5000, OUTPUT) as buffer:
        whole, part = Whole(buffer), Partial(buffer, 1000, 100, OUTPUT)
        session.invoke(Command.FILL, whole, Value(0xAA, 30, INPUT))
        session.invoke(Command.FILL, part, Value(0xBB, 40, INPUT))
        assert (whole.size, part.size) == (30, 40)
        assert bytes(buffer.view[:31]) == b"\xaa" * 30 + b"\0"
        assert bytes(buffer.view[999:1041]) == b"\0" + b"\xbb" * 40 + b"\0"


@pytest.mark.parametrize("wanted", [65, 2**31 - 1, 2**32 - 1])
def test_of_a_temporary_reference_the_capacity_comes_back_and_not_a_byte_more(
    session: Session, wanted: int
) -> None:
    memory = bytearray(100)
    out = Temporary(memoryview(memory)[:64], OUTPUT)
    fill = Value(0xEE, wanted, INPUT)
    assert refusal(lambda: session.invoke(Command.FILL, out, fill)) == SHORT_BUFFER
    assert out.size == wanted
    assert memory == b"\xee" * 64 + bytes(36)


@pytest.mark.parametrize("partly", [False, True], ids=["whole", "partial"])
def test_of_shadowed_memory_nothing_comes_back_that_was_too_much(
    context: Context, session: Session, partly: bool
) -> None:
    memory = bytearray(b"\x11" * 300)
    with context.register(memory, OUTPUT) as buffer:
        out = Partial(buffer, 100, 100, OUTPUT) if partly else Whole(buffer)
        wanted = out.size + 1
        fill = Value(0xEE, wanted, INPUT)
        assert refusal(lambda: session.invoke(Command.FILL, out, fill)) == SHORT_BUFFER
        assert out.size == wanted
        assert memory == b"\x11" * 300


def test_shared_memory_holds_what_was_written_there_even_if_it_was_too_little(
    context: Context, session: Session
) -> None:
    with context.allocate(300, OUTPUT) as buffer:
        part = Partial(buffer, 100, 100, OUTPUT)
        fill = Value(0xEE, 101, INPUT)
        assert refusal(lambda: session.invoke(Command.FILL, part, fill)) == SHORT_BUFFER
        assert part.size == 101
        assert bytes(buffer.view) == bytes(100) + b"\xee" * 100 + bytes(100)


def test_a_short_part_is_offered_again_as_large_as_it_was(
    context: Context, session: Session
) -> None:
    with context.allocate(300) as buffer:
        part = Partial(buffer, 0, 100, OUTPUT)
        for _ in range(2):
            fill = Value(0xEE, 200, INPUT)
            assert refusal(lambda f=fill: session.invoke(Command.FILL, part, f)) == SHORT_BUFFER
        assert bytes(buffer.view) == b"\xee" * 100 + bytes(200)


def test_an_output_that_was_not_written_is_as_it_was(session: Session) -> None:
    memory = bytearray(b"untouched")
    session.invoke(Command.NOP, Temporary(memory, OUTPUT), Temporary(memory, INOUT))
    assert refusal(lambda: session.invoke(999, Temporary(memory, OUTPUT))) == (
        Result.ERROR_NOT_SUPPORTED,
        Origin.TRUSTED_APP,
    )
    assert memory == b"untouched"


# -- memory that the application has already ---------------------------------------------------


def test_read_only_memory_can_be_an_input(context: Context, session: Session) -> None:
    pages = mmap.mmap(-1, 5000, prot=mmap.PROT_READ)
    for memory in (b"constant", memoryview(pages)):
        with context.register(memory, INPUT) as buffer:
            out = bytearray(len(memory))
            session.invoke(Command.COPY, Whole(buffer), Temporary(out, OUTPUT))
            assert out == memory


def test_bytes_beside_a_reference_to_the_applications_memory_are_not_touched(
    context: Context, session: Session
) -> None:
    memory = bytearray(5000)
    with context.register(memory) as buffer:
        part = Partial(buffer, 4001, 51, INOUT)
        session.invoke(Command.XOR, part, Value(0xF0, direction=INPUT))
    assert memory == bytes(4001) + b"\xf0" * 51 + bytes(5000 - 4052)


def test_what_the_application_changes_meanwhile_in_its_memory_stays(
    context: Context, session: Session
) -> None:
    """An input is copied in at each call, and never back."""
    memory = bytearray(b"one")
    with context.register(memory, INPUT) as buffer:
        for text in (b"one", b"two"):
            memory[:] = text
            out = bytearray(3)
            session.invoke(Command.COPY, Whole(buffer), Temporary(out, OUTPUT))
            assert out == memory == text


# -- the arena ---------------------------------------------------------------------------------


def buffers(context: Context) -> int:
    return context.status()["buffers"]


def test_temporary_references_of_all_calls_stand_in_one_buffer(
    context: Context, session: Session
) -> None:
    before = buffers(context)
    for size in (0, 1, 64, 4096, 65_536):
        memory = bytearray(size)
        session.invoke(Command.XOR, Temporary(memory, INOUT), Value(7, direction=INPUT))
        assert memory == b"\x07" * size
        assert buffers(context) == before + 1


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_what_does_not_fit_there_has_a_buffer_for_one_call(
    context: Context, session: Session, settled: Settled, first: bool
) -> None:
    before = buffers(context)
    if not first:
        session.invoke(Command.NOP, Temporary(b"fits", INPUT))
    given, out = bytes(range(256)) * 200, bytearray(51_200)
    session.invoke(Command.COPY, Temporary(given, INPUT), Temporary(out, OUTPUT))
    assert out == given
    settled(lambda status: status["buffers"] == before + (not first))


def test_an_opening_takes_memory_of_every_kind_and_gives_it_back(context: Context) -> None:
    memory = bytearray(b"own memory")
    with context.allocate(100) as buffer, context.register(memory) as own:
        references = [
            Temporary(bytearray(b"there"), INOUT),
            Whole(buffer),
            Partial(own, 1, 2, INOUT),
            Temporary(None, OUTPUT),
        ]
        context.open_session(TEED_TEST, *references).close()
        assert [each.size for each in references] == [5, 100, 2, 0]
        assert memory == b"own memory"
