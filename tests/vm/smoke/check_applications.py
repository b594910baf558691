"""The test applications do what tests/ta/README.md says, seen through stock libteec.

No test of teed: this runs in the guest only, and what it proves is the ground on which
the conformance tests stand.
"""

import os
import struct
import threading
import time
import uuid
from collections.abc import Iterator
from fcntl import ioctl

import pytest
import teec
from teec import (
    IN,
    INOUT,
    OUT,
    Context,
    Memory,
    Operation,
    Part,
    Refused,
    Session,
    Temporary,
    Value,
    opened,
)

TEED_TEST = uuid.UUID("0f5e0cc6-903f-4a0d-a4ef-c58751591d94")
SINGLE = uuid.UUID("1adacce6-e807-4f1f-a979-90e4d840c79d")
SHARED = uuid.UUID("c40f0c94-1a83-432c-b7f9-24a53a99ae35")
HELLO_WORLD = uuid.UUID("8aaaf200-2450-11e4-abe2-0002a5d5c51b")
RANDOM = uuid.UUID("b6c53aba-9669-4668-a7f2-205629d00f86")
AES = uuid.UUID("5dbac793-f574-4871-8ad3-04331ec17f24")

NOP, VALUES, XOR, COPY, DESCRIBE, WAIT = range(6)
SPIN, PANIC, IDENTITY, COUNT, RETURN, FILL = range(6, 12)
PREPARE, SET_KEY, SET_IV, CIPHER = range(4)
ECB, CBC, CTR = range(3)
DECODE, ENCODE = range(2)

TEE_IOC_VERSION = 0x800CA400
MIB = 1 << 20


@pytest.fixture
def context() -> Iterator[Context]:
    context = Context()
    yield context
    context.close()


@pytest.fixture
def session(context: Context) -> Iterator[Session]:
    with opened(context, TEED_TEST) as session:
        yield session


def refusal(session: Session, command: int, *params: teec.Parameter) -> tuple[int, int]:
    with pytest.raises(Refused) as caught:
        session.invoke(command, *params)
    return caught.value.code, caught.value.origin


def test_the_driver_speaks_for_op_tee() -> None:
    fd = os.open("/dev/tee0", os.O_RDWR)
    answer = ioctl(fd, TEE_IOC_VERSION, bytes(12))
    os.close(fd)
    implementation, _, capabilities = struct.unpack("=III", answer)
    assert (implementation, capabilities) == (1, 0xD)


@pytest.mark.parametrize(
    "application", [TEED_TEST, SINGLE, SHARED, HELLO_WORLD, RANDOM, AES], ids=str
)
def test_every_application_opens(context: Context, application: uuid.UUID) -> None:
    with opened(context, application):
        pass


def test_hello_world_counts_up_and_down(context: Context) -> None:
    with opened(context, HELLO_WORLD) as session:
        number = Value(INOUT, 41)
        session.invoke(0, number)
        assert number.a == 42
        session.invoke(1, number)
        assert number.a == 41
        assert refusal(session, 0) == (teec.BAD_PARAMETERS, teec.APPLICATION)
        assert refusal(session, 2, number) == (teec.NOT_SUPPORTED, teec.APPLICATION)


def test_random_never_says_the_same_twice(context: Context) -> None:
    with opened(context, RANDOM) as session:
        first, second = Temporary(OUT, bytes(32)), Temporary(OUT, bytes(32))
        session.invoke(0, first)
        session.invoke(0, second)
        assert len({first.content, second.content, bytes(32)}) == 3
        assert refusal(session, 0) == (teec.BAD_PARAMETERS, teec.APPLICATION)
        assert refusal(session, 1, first) == (teec.NOT_SUPPORTED, teec.APPLICATION)


def test_nop_takes_anything(session: Session) -> None:
    session.invoke(NOP)
    session.invoke(NOP, Value(INOUT), Temporary(IN, b"x"), Value(OUT), Temporary(OUT, None))


def test_values_go_in_and_out(session: Session) -> None:
    given, taken, both = Value(IN, 1, 2), Value(OUT), Value(INOUT, 0xFFFFFFFF, 0)
    session.invoke(VALUES, given, taken, both)
    assert (taken.a, taken.b) == (2, 1)
    assert (both.a, both.b) == (0, 0xFFFFFFFF)


def test_xor_changes_every_byte(session: Session) -> None:
    text = Temporary(INOUT, b"abc")
    session.invoke(XOR, text, Value(IN, 0x120))
    assert (text.content, text.size) == (b"ABC", 3)


def test_xor_in_a_part_of_registered_memory(context: Context, session: Session) -> None:
    memory = Memory(context, 8192)
    session.invoke(XOR, Part(INOUT, memory, 4000, 200), Value(IN, 0xFF))
    assert memory.array.raw == bytes(4000) + b"\xff" * 200 + bytes(8192 - 4200)
    memory.release()


@pytest.mark.parametrize("mib", [1, 15])
def test_xor_in_a_large_registered_buffer(context: Context, session: Session, mib: int) -> None:
    memory = Memory(context, mib * MIB)
    session.invoke(XOR, Part(INOUT, memory), Value(IN, 0x5A))
    assert memory.array.raw == b"\x5a" * (mib * MIB)
    memory.release()


def test_one_call_reaches_less_than_16_mib(context: Context, session: Session) -> None:
    """Debian's OP-TEE has CFG_PGT_CACHE_ENTRIES=8 page tables of 2 MiB for an application
    and its parameters together.  More may be registered: in parts it can be reached."""
    memory = Memory(context, 16 * MIB)
    whole = Part(INOUT, memory)
    assert refusal(session, XOR, whole, Value(IN, 1)) == (
        teec.OUT_OF_MEMORY,
        teec.APPLICATION,
    )
    for half in (0, 8 * MIB):
        session.invoke(XOR, Part(INOUT, memory, half, 8 * MIB), Value(IN, 0x5A))
    assert memory.array.raw == b"\x5a" * (16 * MIB)
    memory.release()


def test_copy_gives_the_size(session: Session) -> None:
    target = Temporary(OUT, bytes(5))
    session.invoke(COPY, Temporary(IN, b"abc"), target)
    assert (target.content, target.size) == (b"abc\0\0", 3)


def test_copy_into_too_little_room_writes_nothing(session: Session) -> None:
    target = Temporary(OUT, bytes(2))
    answer = refusal(session, COPY, Temporary(IN, b"abc"), target)
    assert answer == (teec.SHORT_BUFFER, teec.APPLICATION)
    assert (target.content, target.size) == (bytes(2), 3)


@pytest.mark.parametrize("direction", [IN, OUT, INOUT])
@pytest.mark.parametrize(
    ("content", "pointer"), [(b"abc", 1), (b"", 1), (None, 0)], ids=["bytes", "empty", "null"]
)
def test_describe_tells_what_the_application_sees(
    session: Session, direction: int, content: bytes | None, pointer: int
) -> None:
    memory, seen = Temporary(direction, content), Value(OUT)
    session.invoke(DESCRIBE, memory, seen)
    assert (seen.a, seen.b) == (len(content or b""), pointer)
    assert (memory.content, memory.size) == (content, len(content or b""))


def test_wait_waits(session: Session) -> None:
    started = time.monotonic()
    session.invoke(WAIT, Value(IN, 300))
    assert time.monotonic() - started >= 0.29


def cancelled_wait(session: Session, unmasked: int) -> None:
    """A wait of 1.5 s, cancelled after 0.5 s."""
    operation = Operation((Value(IN, 1500, unmasked),))
    timer = threading.Timer(0.5, operation.cancel)
    timer.start()
    try:
        session.run(WAIT, operation)
    finally:
        timer.join()


def test_a_masked_wait_is_not_cancelled(session: Session) -> None:
    cancelled_wait(session, unmasked=0)


def test_an_unmasked_wait_is_cancelled(session: Session) -> None:
    started = time.monotonic()
    with pytest.raises(Refused) as caught:
        cancelled_wait(session, unmasked=1)
    assert (caught.value.code, caught.value.origin) == (teec.CANCEL, teec.APPLICATION)
    assert time.monotonic() - started < 1.49


def test_spin_spins(session: Session) -> None:
    started = time.monotonic()
    session.invoke(SPIN, Value(IN, 300))
    assert time.monotonic() - started >= 0.29


def test_a_panic_ends_the_session(session: Session) -> None:
    assert refusal(session, PANIC, Value(IN, 7)) == (teec.TARGET_DEAD, teec.TEE)
    assert refusal(session, NOP) == (teec.TARGET_DEAD, teec.TEE)


def test_the_identity_of_nobody_is_nil(session: Session) -> None:
    who, login = Temporary(OUT, bytes(20)), Value(OUT)
    session.invoke(IDENTITY, who, login)
    assert (who.size, who.content, login.a) == (16, bytes(20), teec.PUBLIC)


def test_the_identity_of_a_user_comes_from_the_uid(context: Context) -> None:
    namespace = uuid.UUID("58ac9ca0-2086-4683-a1b8-ec4bc08e01b6")
    with opened(context, TEED_TEST, login=teec.USER) as session:
        who, login = Temporary(OUT, bytes(16)), Value(OUT)
        session.invoke(IDENTITY, who, login)
        assert who.content == uuid.uuid5(namespace, f"uid={os.geteuid():x}").bytes
        assert login.a == teec.USER


def test_the_identity_needs_its_room(session: Session) -> None:
    who = Temporary(OUT, bytes(15))
    assert refusal(session, IDENTITY, who, Value(OUT))[0] == teec.SHORT_BUFFER
    assert (who.size, who.content) == (16, bytes(15))


def counted(session: Session) -> tuple[int, int]:
    answer = Value(OUT)
    session.invoke(COUNT, answer)
    return answer.a, answer.b


def test_count_counts_each_session_by_itself(context: Context, session: Session) -> None:
    assert [counted(session), counted(session)] == [(1, 1), (2, 1)]
    with opened(context, TEED_TEST) as other:
        assert counted(other) == (1, 1)


def test_return_fills_its_outputs_whatever_the_code(session: Session) -> None:
    for code in (teec.BAD_STATE, 0x12345678, teec.SUCCESS):
        answer = Value(OUT)
        if code == teec.SUCCESS:
            session.invoke(RETURN, Value(IN, code, 9), answer)
        else:
            given = Value(IN, code, 9)
            assert refusal(session, RETURN, given, answer) == (code, teec.APPLICATION)
        assert (answer.a, answer.b) == (0x5A5A5A5A, 9)


def test_fill_may_want_more_than_there_is(session: Session) -> None:
    room = Temporary(OUT, bytes(4))
    session.invoke(FILL, room, Value(IN, 0x61, 3))
    assert (room.content, room.size) == (b"aaa\0", 3)
    room = Temporary(OUT, bytes(4))
    answer = refusal(session, FILL, room, Value(IN, 0x62, 9))
    assert answer == (teec.SHORT_BUFFER, teec.APPLICATION)
    assert (room.content, room.size) == (b"bbbb", 9)


@pytest.mark.parametrize("command", range(1, 12))
def test_other_parameters_are_bad(session: Session, command: int) -> None:
    expected = (teec.BAD_PARAMETERS, teec.APPLICATION)
    assert refusal(session, command) == expected
    wrong = (Value(INOUT), Value(INOUT), Value(INOUT), Value(INOUT))
    assert refusal(session, command, *wrong) == expected


@pytest.mark.parametrize("command", [12, 0xFFFFFFFF])
def test_an_unknown_command(session: Session, command: int) -> None:
    assert refusal(session, command) == (teec.NOT_SUPPORTED, teec.APPLICATION)


def test_opening_can_wait(context: Context) -> None:
    started = time.monotonic()
    context.open(TEED_TEST, Value(IN, 1, 400)).close()
    assert time.monotonic() - started >= 0.39


def test_opening_can_fail_with_a_code(context: Context) -> None:
    with pytest.raises(Refused) as caught:
        context.open(TEED_TEST, Value(IN, 2, 0x12345678))
    assert (caught.value.code, caught.value.origin) == (0x12345678, teec.APPLICATION)


def test_opening_can_panic(context: Context) -> None:
    with pytest.raises(Refused) as caught:
        context.open(TEED_TEST, Value(IN, 3, 1))
    assert (caught.value.code, caught.value.origin) == (teec.TARGET_DEAD, teec.TEE)


def test_opening_minds_no_other_parameters(context: Context) -> None:
    context.open(TEED_TEST, Value(IN, 4, 4)).close()
    context.open(TEED_TEST, Temporary(IN, b"x"), Value(OUT)).close()
    number = Value(INOUT, 5, 6)
    context.open(TEED_TEST, number).close()
    assert (number.a, number.b) == (6, 6)


def test_a_single_instance_serves_one_session(context: Context) -> None:
    with opened(context, SINGLE):
        with pytest.raises(Refused) as caught:
            context.open(SINGLE)
        assert (caught.value.code, caught.value.origin) == (teec.BUSY, teec.TEE)
    with opened(context, SINGLE) as session:
        assert counted(session) == (1, 1)


def test_a_shared_instance_serves_all_and_stays(context: Context) -> None:
    with opened(context, SHARED) as first:
        _, before = counted(first)
        with opened(context, SHARED) as second:
            assert counted(second) == (1, before + 1)
            assert counted(first) == (2, before + 1)
    with opened(context, SHARED) as later:
        assert counted(later) == (1, before + 2)


# From NIST SP 800-38A, appendix F: two blocks of its text, and what becomes of them.
TEXT = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
KEYS = {
    16: bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"),
    32: bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
}
IVS = {ECB: bytes(16), CBC: bytes(range(16)), CTR: bytes(range(0xF0, 0x100))}
CIPHERED = {
    (ECB, 16): "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf",
    (ECB, 32): "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870",
    (CBC, 16): "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2",
    (CBC, 32): "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
    (CTR, 16): "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff",
    (CTR, 32): "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5",
}


def ready(session: Session, mode: int, key_size: int, direction: int) -> None:
    session.invoke(PREPARE, Value(IN, mode), Value(IN, key_size), Value(IN, direction))
    session.invoke(SET_KEY, Temporary(IN, KEYS[key_size]))
    session.invoke(SET_IV, Temporary(IN, IVS[mode]))


def ciphered(session: Session, data: bytes) -> bytes:
    result = Temporary(OUT, bytes(len(data)))
    session.invoke(CIPHER, Temporary(IN, data), result)
    assert result.size == len(data)
    assert result.content is not None
    return result.content


@pytest.fixture
def aes(context: Context) -> Iterator[Session]:
    with opened(context, AES) as session:
        yield session


@pytest.mark.parametrize(("mode", "key_size"), CIPHERED)
def test_aes_gives_what_nist_says(aes: Session, mode: int, key_size: int) -> None:
    expected = bytes.fromhex(CIPHERED[mode, key_size])
    ready(aes, mode, key_size, ENCODE)
    assert ciphered(aes, TEXT[:16]) + ciphered(aes, TEXT[16:]) == expected
    aes.invoke(SET_IV, Temporary(IN, IVS[mode]))
    assert ciphered(aes, TEXT) == expected
    ready(aes, mode, key_size, DECODE)
    assert ciphered(aes, expected) == TEXT


@pytest.mark.parametrize(("mode", "key_size"), CIPHERED)
def test_aes_works_in_place(context: Context, aes: Session, mode: int, key_size: int) -> None:
    memory = Memory(context, 256 * 1024)
    memory.array.raw = TEXT + bytes(256 * 1024 - len(TEXT))
    plain = memory.array.raw
    ready(aes, mode, key_size, ENCODE)
    place = (0, 256 * 1024)
    aes.invoke(CIPHER, Part(IN, memory, *place), Part(OUT, memory, *place))
    assert memory.array.raw[:32].hex() == CIPHERED[mode, key_size]
    ready(aes, mode, key_size, DECODE)
    aes.invoke(CIPHER, Part(IN, memory, *place), Part(OUT, memory, *place))
    assert memory.array.raw == plain
    memory.release()


def test_aes_ctr_takes_any_size(aes: Session) -> None:
    ready(aes, CTR, 16, ENCODE)
    parts = [ciphered(aes, part) for part in (TEXT[:5], TEXT[5:21], TEXT[21:])]
    assert b"".join(parts).hex() == CIPHERED[CTR, 16]
    for mode in (ECB, CBC):
        ready(aes, mode, 16, ENCODE)
        wrong = refusal(aes, CIPHER, Temporary(IN, TEXT[:15]), Temporary(OUT, bytes(32)))
        assert wrong == (teec.BAD_PARAMETERS, teec.APPLICATION)


def test_aes_wants_its_steps_in_order(aes: Session) -> None:
    too_soon = (teec.BAD_STATE, teec.APPLICATION)
    key, iv = Temporary(IN, KEYS[16]), Temporary(IN, bytes(16))
    cipher = Temporary(IN, TEXT), Temporary(OUT, bytes(32))
    assert refusal(aes, SET_KEY, key) == too_soon
    assert refusal(aes, SET_IV, iv) == too_soon
    assert refusal(aes, CIPHER, *cipher) == too_soon
    aes.invoke(PREPARE, Value(IN, CBC), Value(IN, 16), Value(IN, ENCODE))
    assert refusal(aes, SET_IV, iv) == too_soon
    aes.invoke(SET_KEY, key)
    assert refusal(aes, CIPHER, *cipher) == too_soon
    aes.invoke(SET_IV, iv)
    aes.invoke(CIPHER, *cipher)


def test_aes_refuses_what_it_cannot_do(aes: Session) -> None:
    bad = (teec.BAD_PARAMETERS, teec.APPLICATION)
    for wrong in ((3, 16, 1), (CBC, 24, 1), (CBC, 16, 2)):
        assert refusal(aes, PREPARE, *(Value(IN, number) for number in wrong)) == bad
    ready(aes, CBC, 32, ENCODE)
    assert refusal(aes, SET_KEY, Temporary(IN, KEYS[16])) == bad
    assert refusal(aes, SET_IV, Temporary(IN, bytes(15))) == bad
    short = Temporary(OUT, bytes(31))
    assert refusal(aes, CIPHER, Temporary(IN, TEXT), short)[0] == teec.SHORT_BUFFER
    assert (short.size, short.content) == (32, bytes(31))
    for command in range(4):
        assert refusal(aes, command) == bad
    assert refusal(aes, 4) == (teec.NOT_SUPPORTED, teec.APPLICATION)
