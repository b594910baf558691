"""Parameters reach the application and come back, as GlobalPlatform has it."""

import pytest

from teed_client import Context, Direction, Partial, Session, TeeError, Temporary, Value, Whole
from teed_protocol.codes import Origin, Result

from .applications import TEED_TEST, Command

INPUT, OUTPUT, INOUT = Direction.INPUT, Direction.OUTPUT, Direction.INOUT


def test_values_go_in_and_come_out(session: Session) -> None:
    given, swapped, changed = Value(7, 9, INPUT), Value(1, 1, OUTPUT), Value(41, 0, INOUT)
    session.invoke(Command.VALUES, given, swapped, changed)
    assert (given.a, given.b) == (7, 9)
    assert (swapped.a, swapped.b) == (9, 7)
    assert (changed.a, changed.b) == (42, 0xFFFFFFFF)


def test_values_have_32_bits(session: Session) -> None:
    changed = Value(0xFFFFFFFF, 0, INOUT)
    session.invoke(Command.VALUES, Value(direction=INPUT), Value(direction=OUTPUT), changed)
    assert changed.a == 0


def test_a_whole_buffer_is_changed_in_place(context: Context, session: Session) -> None:
    with context.allocate(5000) as buffer:
        buffer.view[:] = bytes(5000)
        whole = Whole(buffer)
        session.invoke(Command.XOR, whole, Value(0x5A, direction=INPUT))
        assert bytes(buffer.view) == b"\x5a" * 5000
        assert whole.size == 5000


def test_a_partial_reference_touches_nothing_else(context: Context, session: Session) -> None:
    with context.allocate(4096) as buffer:
        part = Partial(buffer, 100, 50, INOUT)
        session.invoke(Command.XOR, part, Value(1, direction=INPUT))
        assert bytes(buffer.view) == bytes(100) + b"\x01" * 50 + bytes(4096 - 150)


def test_two_references_into_one_buffer_are_one_call(
    context: Context, session: Session
) -> None:
    with context.allocate(64) as buffer:
        buffer.view[:5] = b"hello"
        source, target = Partial(buffer, 0, 5, INPUT), Partial(buffer, 32, 32, OUTPUT)
        session.invoke(Command.COPY, source, target)
        assert target.size == 5
        assert bytes(buffer.view[32:37]) == b"hello"


def test_a_temporary_reference_is_copied_in_and_out(session: Session) -> None:
    target = bytearray(32)
    out = Temporary(target, OUTPUT)
    session.invoke(Command.COPY, Temporary(b"some bytes", INPUT), out)
    assert out.size == 10
    assert target == b"some bytes" + bytes(22)


def test_a_temporary_reference_larger_than_the_arena_works(session: Session) -> None:
    data = bytearray(300_000)
    session.invoke(Command.XOR, Temporary(data, INOUT), Value(3, direction=INPUT))
    assert data == b"\x03" * 300_000


def test_a_short_buffer_says_how_much_is_needed(session: Session) -> None:
    target = bytearray(b"untouched")
    out = Temporary(target, OUTPUT)
    with pytest.raises(TeeError) as refused:
        session.invoke(Command.COPY, Temporary(bytes(100), INPUT), out)
    assert (refused.value.code, refused.value.origin) == (
        Result.ERROR_SHORT_BUFFER,
        Origin.TRUSTED_APP,
    )
    assert out.size == 100
    assert target == b"untouched"


def test_no_more_than_the_capacity_is_copied_back(session: Session) -> None:
    target = bytearray(8)
    out = Temporary(memoryview(target)[:4], OUTPUT)
    with pytest.raises(TeeError, match="SHORT_BUFFER"):
        session.invoke(Command.FILL, out, Value(0xEE, 6, INPUT))
    assert out.size == 6
    assert target == b"\xee" * 4 + bytes(4)


def test_outputs_come_back_with_an_error(session: Session) -> None:
    out = Value(direction=OUTPUT)
    with pytest.raises(TeeError) as refused:
        session.invoke(Command.RETURN, Value(0xFFFF000F, 77, INPUT), out)
    assert refused.value.name == "TEEC_ERROR_SECURITY"
    assert (out.a, out.b) == (0x5A5A5A5A, 77)


def test_a_code_of_the_applications_own_arrives_as_it_is(session: Session) -> None:
    with pytest.raises(TeeError) as refused:
        session.invoke(Command.RETURN, Value(0x12345, 0, INPUT), Value(direction=OUTPUT))
    assert (refused.value.code, refused.value.origin) == (0x12345, Origin.TRUSTED_APP)


def describe(session: Session, reference: object) -> tuple[int, int]:
    seen = Value(direction=OUTPUT)
    session.invoke(Command.DESCRIBE, reference, seen)
    return seen.a, seen.b


@pytest.mark.parametrize("attribute", [INPUT, OUTPUT, INOUT])
def test_a_reference_has_the_size_that_was_given(
    session: Session, attribute: Direction
) -> None:
    assert describe(session, Temporary(bytearray(1234), attribute)) == (1234, 1)


def test_wrong_parameter_types_are_the_applications_to_refuse(session: Session) -> None:
    with pytest.raises(TeeError) as refused:
        session.invoke(Command.VALUES, Value(1, 2, OUTPUT))
    assert (refused.value.code, refused.value.origin) == (
        Result.ERROR_BAD_PARAMETERS,
        Origin.TRUSTED_APP,
    )


def test_an_unknown_command_is_the_applications_to_refuse(session: Session) -> None:
    with pytest.raises(TeeError) as refused:
        session.invoke(999)
    assert (refused.value.code, refused.value.origin) == (
        Result.ERROR_NOT_SUPPORTED,
        Origin.TRUSTED_APP,
    )


def test_any_number_of_parameters_up_to_four(session: Session) -> None:
    for count in range(5):
        session.invoke(Command.NOP, *[Value(direction=INPUT)] * count)


def test_memory_of_the_application_is_used_through_a_shadow(
    context: Context, session: Session
) -> None:
    memory = bytearray(b"plain" * 20)
    with context.register(memory) as buffer:
        session.invoke(Command.XOR, Whole(buffer), Value(0xFF, direction=INPUT))
    assert memory == bytes(byte ^ 0xFF for byte in b"plain" * 20)


def test_opening_takes_parameters_too(context: Context) -> None:
    counted = Value(41, 5, INOUT)
    context.open_session(TEED_TEST, counted).close()
    assert (counted.a, counted.b) == (42, 5)
