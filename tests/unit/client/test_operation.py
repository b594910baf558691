"""What goes out of the parameters of a call, and what comes back into them."""

from collections.abc import Iterator

import numpy
import pytest

from teed_client import (
    INOUT,
    INPUT,
    OUTPUT,
    Buffer,
    Context,
    Partial,
    Result,
    Session,
    TeeError,
    Temporary,
    Value,
    Whole,
)

from .conftest import UUID
from .fake_teed import SUCCESS, FakeTeed, Params

NULL = 2**64 - 1
SHORT_BUFFER = (Result.ERROR_SHORT_BUFFER, 4)


@pytest.fixture
def seen(teed: FakeTeed) -> list[list[int]]:
    """The parameters as the TEE saw them."""
    seen: list[list[int]] = []

    def application(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        seen.extend(list(each) for each in params)
        return SUCCESS

    teed.application = application
    return seen


def _write(octets: bytes, size: int | None = None, answer: tuple[int, int] = SUCCESS):  # type: ignore[no-untyped-def]
    """An application that writes to its first parameter and says *size*."""

    def application(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        teed.memory(params[0])[: len(octets)] = octets
        params[0][2] = len(octets) if size is None else size
        return answer

    return application


def _is_refused(session: Session, *parameters: Temporary | Whole | Partial | Value) -> str:
    with pytest.raises(TeeError) as refused:
        session.invoke(0, *parameters)
    assert (refused.value.code, refused.value.origin) == (Result.ERROR_BAD_PARAMETERS, 1)
    return refused.value.text


# Values


def test_values_go_out_in_their_direction_and_none_is_not_used(
    session: Session, seen: list[list[int]]
) -> None:
    session.invoke(0, Value(1, 2, INPUT), None, Value(3, direction=OUTPUT), Value(b=4))
    assert seen == [[1, 1, 2, 0], [0, 0, 0, 0], [2, 3, 0, 0], [3, 0, 4, 0]]


def test_values_that_come_back_are_the_low_32_bits(teed: FakeTeed, session: Session) -> None:
    def application(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        for each in params:
            each[1:] = [2**32 + 7, 2**64 - 1, 0]
        return SUCCESS

    teed.application = application
    given, asked, both = Value(1, 2, INPUT), Value(direction=OUTPUT), Value()
    session.invoke(0, given, asked, both)
    assert (given.a, given.b) == (1, 2)
    assert (asked.a, asked.b) == (both.a, both.b) == (7, 0xFFFFFFFF)


@pytest.mark.parametrize("wrong", [-1, 2**32])
def test_a_value_of_more_than_32_bits_is_not_sent(
    session: Session, seen: list[list[int]], wrong: int
) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        session.invoke(0, Value(wrong))
    with pytest.raises(ValueError, match="32 bits"):
        session.invoke(0, Value(b=wrong))
    assert not seen


def test_a_command_of_more_than_32_bits_is_not_sent(session: Session) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        session.invoke(2**32)


def test_outputs_come_back_from_a_call_that_fails(teed: FakeTeed, session: Session) -> None:
    def application(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        params[0][1] = 42
        return Result.ERROR_GENERIC, 4

    teed.application = application
    value = Value()
    with pytest.raises(TeeError) as failed:
        session.invoke(0, value)
    assert (failed.value.name, failed.value.origin) == ("TEEC_ERROR_GENERIC", 4)
    assert value.a == 42


def test_an_operation_has_at_most_four_parameters(session: Session) -> None:
    assert "5 parameters" in _is_refused(session, *[Value()] * 5)


def test_a_direction_is_input_or_output_or_both() -> None:
    assert Value(direction=INPUT | OUTPUT).direction is INOUT
    for wrong in (0, 4, 7):
        with pytest.raises(TeeError, match="BAD_PARAMETERS"):
            Value(direction=wrong)


# Temporary references


def test_a_temporary_input_is_seen_by_the_application(teed: FakeTeed, session: Session) -> None:
    found = []

    def application(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        found.extend(bytes(teed.memory(each)) for each in params)
        return SUCCESS

    teed.application = application
    numbers = numpy.arange(3, dtype="<u4")
    session.invoke(
        0,
        Temporary(b"octets", INPUT),
        Temporary(numbers, INPUT),
        Temporary(memoryview(b"view")[1:], INPUT),
        Temporary(bytearray(b"both"), INOUT),
    )
    assert found == [b"octets", numbers.tobytes(), b"iew", b"both"]


def test_a_temporary_output_is_what_the_application_wrote(
    teed: FakeTeed, session: Session
) -> None:
    teed.application = _write(b"answer")
    output = Temporary(bytearray(b"x" * 10), OUTPUT)
    session.invoke(0, output)
    assert (bytes(output.data), output.size) == (b"answerxxxx", 6)


def test_numpy_arrays_take_outputs(teed: FakeTeed, session: Session) -> None:
    teed.application = _write(b"\1\0\0\0\2\0\0\0")
    output = Temporary(numpy.zeros((2, 1), "<u4"), OUTPUT)
    session.invoke(0, output)
    assert output.data.tolist() == [[1], [2]]


def test_what_an_application_does_not_write_is_not_left_from_another_call(
    teed: FakeTeed, session: Session
) -> None:
    session.invoke(0, Temporary(b"secret", INPUT))
    teed.application = _write(b"", size=6)
    output = Temporary(bytearray(6), OUTPUT)
    session.invoke(0, output)
    assert output.data == bytes(6)


def test_a_size_larger_than_was_offered_is_told_and_no_more_is_copied(
    teed: FakeTeed, session: Session
) -> None:
    teed.application = _write(b"1234", size=2**40, answer=SHORT_BUFFER)
    memory = bytearray(b"....--")
    output = Temporary(memoryview(memory)[:4], OUTPUT)
    with pytest.raises(TeeError, match="SHORT_BUFFER"):
        session.invoke(0, output)
    assert (bytes(memory), output.size) == (b"1234--", 2**40)


def test_after_a_short_buffer_the_same_parameter_asks_again_with_more(
    teed: FakeTeed, session: Session, seen: list[list[int]]
) -> None:
    output = Temporary(bytearray(4), OUTPUT)
    session.invoke(0, output)
    output.data = bytearray(40)
    session.invoke(0, output)
    assert [size for _, _, size, _ in seen] == [4, 40]


def test_nothing_and_an_empty_reference_are_different_things(
    session: Session, seen: list[list[int]]
) -> None:
    session.invoke(0, Temporary(None, OUTPUT), Temporary(b"", INPUT))
    assert seen[0] == [6, 0, 0, NULL]
    assert (seen[1][2], seen[1][3]) == (0, 1)


def test_a_tee_without_null_references_gets_an_empty_one_in_real_memory(
    teed: FakeTeed, seen: list[list[int]]
) -> None:
    teed.capabilities = 5
    with Context(teed.path) as context, context.open_session(UUID) as session:
        session.invoke(0, Temporary(None, INOUT))
    assert seen == [[7, 0, 0, 1]]


@pytest.mark.parametrize("data", [None, bytearray()])
def test_an_application_that_is_given_no_room_can_say_how_much_it_needs(
    teed: FakeTeed, session: Session, data: bytearray | None
) -> None:
    teed.application = _size_only(100)
    output = Temporary(data, OUTPUT)
    with pytest.raises(TeeError, match="SHORT_BUFFER"):
        session.invoke(0, output)
    assert output.size == 100


def _size_only(size: int):  # type: ignore[no-untyped-def]
    def application(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        params[0][2] = size
        return SHORT_BUFFER

    return application


def test_an_output_has_to_be_writable(session: Session, seen: list[list[int]]) -> None:
    for direction in (OUTPUT, INOUT):
        with pytest.raises(TypeError, match="writable"):
            session.invoke(0, Temporary(b"constant", direction))
    assert not seen


def test_one_parameter_may_stand_in_an_operation_twice(
    teed: FakeTeed, session: Session, seen: list[list[int]]
) -> None:
    same = Temporary(b"same", INPUT)
    session.invoke(0, same, same)
    assert seen[0][1] != seen[1][1]


# Whole and partial references


@pytest.fixture
def buffer(context: Context) -> Iterator[Buffer]:
    with context.allocate(100) as buffer:
        yield buffer


def test_a_whole_reference_has_the_directions_of_its_buffer(
    context: Context, session: Session, seen: list[list[int]]
) -> None:
    buffers = [context.allocate(100, flags) for flags in (INPUT, OUTPUT, INOUT)]
    session.invoke(0, *map(Whole, buffers))
    assert seen == [[4 + n, 0, 100, n] for n in (1, 2, 3)]


def test_application_and_client_see_the_same_memory(
    teed: FakeTeed, session: Session, buffer: Buffer
) -> None:
    buffer.view[:3] = b"abc"
    whole = Whole(buffer)
    teed.application = _write(b"ABC")
    session.invoke(0, whole)
    assert bytes(buffer.view[:4]) == b"ABC\0"
    assert whole.size == 3
    teed.application = _size_only(1000)
    with pytest.raises(TeeError, match="SHORT_BUFFER"):
        session.invoke(0, whole)
    assert whole.size == 1000


def test_a_partial_reference_offers_the_same_part_each_time(
    teed: FakeTeed, session: Session, buffer: Buffer
) -> None:
    offered = []

    def application(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        offered.append(list(params[0]))
        params[0][2] = 7
        return SUCCESS

    teed.application = application
    part = Partial(buffer, 10, 90, OUTPUT)
    session.invoke(0, part)
    session.invoke(0, part)
    assert offered == [[6, 10, 90, 1]] * 2
    assert part.size == 7


@pytest.mark.parametrize(
    ("offset", "size"), [(0, 101), (100, 1), (-1, 10), (10, -1), (2**64 - 1, 2), (2**63, 2**63)]
)
def test_a_partial_reference_stays_inside_its_buffer(
    session: Session, buffer: Buffer, offset: int, size: int
) -> None:
    assert "of a buffer of 100" in _is_refused(session, Partial(buffer, offset, size, INPUT))


@pytest.mark.parametrize(("flags", "wrong"), [(INPUT, OUTPUT), (INPUT, INOUT), (OUTPUT, INOUT)])
def test_a_buffer_is_used_only_in_the_directions_it_was_made_for(
    context: Context, session: Session, flags: int, wrong: int
) -> None:
    with context.allocate(10, flags) as buffer:
        session.invoke(0, Partial(buffer, 0, 10, flags))
        assert "made for" in _is_refused(session, Partial(buffer, 0, 10, wrong))


def test_a_buffer_that_was_released_is_refused(session: Session, buffer: Buffer) -> None:
    buffer.release()
    assert "released" in _is_refused(session, Whole(buffer))


def test_a_buffer_of_another_context_is_refused(
    teed: FakeTeed, session: Session, seen: list[list[int]]
) -> None:
    with Context(teed.path) as other, other.allocate(10) as foreign:
        assert "another context" in _is_refused(session, Partial(foreign, 0, 1, INPUT))
    assert not seen


# Memory that the application has already


def test_registered_memory_is_copied_in_and_back_out(
    teed: FakeTeed, context: Context, session: Session
) -> None:
    memory = bytearray(b"question..")
    found = []

    def application(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        found.append(bytes(teed.memory(params[0])))
        return _write(b"answer")(command, params, teed)  # type: ignore[no-any-return]

    teed.application = application
    with context.register(memory) as buffer:
        whole = Whole(buffer)
        session.invoke(0, whole)
    assert found == [b"question.."]
    assert (bytes(memory), whole.size) == (b"answeron..", 6)


def test_a_part_of_registered_memory_changes_nothing_outside_of_it(
    teed: FakeTeed, context: Context, session: Session
) -> None:
    memory = bytearray(b"0123456789")
    teed.application = _write(b"ab")
    with context.register(memory) as buffer:
        session.invoke(0, Partial(buffer, 4, 3, INOUT))
    assert memory == b"0123ab6789"


def test_nothing_is_copied_out_when_more_was_needed(
    teed: FakeTeed, context: Context, session: Session
) -> None:
    memory = bytearray(b"before")
    teed.application = _write(b"after", size=7, answer=SHORT_BUFFER)
    with context.register(memory) as buffer:
        for reference in (Whole(buffer), Partial(buffer, 0, 6, OUTPUT)):
            with pytest.raises(TeeError, match="SHORT_BUFFER"):
                session.invoke(0, reference)
            assert reference.size == 7
    assert memory == b"before"


def test_constant_memory_can_be_registered_as_input_only(
    teed: FakeTeed, context: Context, session: Session, seen: list[list[int]]
) -> None:
    with context.register(b"constant", INPUT) as buffer:
        session.invoke(0, Whole(buffer))
    assert seen == [[5, 0, 8, 1]]
    with pytest.raises(TypeError, match="writable"):
        context.register(b"constant", INOUT)


def test_no_memory_at_all_can_be_registered_too(
    context: Context, session: Session, seen: list[list[int]]
) -> None:
    with context.register(bytearray()) as buffer:
        session.invoke(0, Whole(buffer))
        assert buffer.size == 0
    assert seen == [[7, 0, 0, 1]]
