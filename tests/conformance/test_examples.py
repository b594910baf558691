"""Applications with the interface of OP-TEE's examples do what those do."""

import pytest

from teed_client import Context, Direction, Partial, Session, TeeError, Temporary, Value
from teed_protocol.codes import Result

from .applications import AES, HELLO_WORLD, RANDOM

INPUT, OUTPUT, INOUT = Direction.INPUT, Direction.OUTPUT, Direction.INOUT
ECB, CBC, CTR = range(3)
DECODE, ENCODE = range(2)
PREPARE, SET_KEY, SET_IV, CIPHER = range(4)

# NIST SP 800-38A, appendix F: one key, one vector, one block.
KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
BLOCK = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
VECTOR = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
COUNTER = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
ANSWERS = {
    ECB: (VECTOR, "3ad77bb40d7a3660a89ecaf32466ef97"),
    CBC: (VECTOR, "7649abac8119b246cee98e9b12e9197d"),
    CTR: (COUNTER, "874d6191b620e3261bef6864990db6ce"),
}


def test_hello_world_counts_up_and_down(context: Context) -> None:
    with context.open_session(HELLO_WORLD) as session:
        value = Value(41)
        session.invoke(0, value)
        assert value.a == 42
        session.invoke(1, value)
        assert value.a == 41


def test_random_fills_what_it_is_given(context: Context) -> None:
    with context.open_session(RANDOM) as session:
        one, other = bytearray(64), bytearray(64)
        session.invoke(0, Temporary(one, OUTPUT))
        session.invoke(0, Temporary(other, OUTPUT))
        assert len({bytes(64), bytes(one), bytes(other)}) == 3


def prepare(session: Session, mode: int, direction: int, key: bytes, vector: bytes) -> None:
    values = [Value(each, direction=INPUT) for each in (mode, len(key), direction)]
    session.invoke(PREPARE, *values)
    session.invoke(SET_KEY, Temporary(key, INPUT))
    session.invoke(SET_IV, Temporary(vector, INPUT))


@pytest.mark.parametrize("mode", [ECB, CBC, CTR])
def test_aes_gives_the_standards_answers(context: Context, mode: int) -> None:
    vector, expected = ANSWERS[mode]
    with context.open_session(AES) as session:
        prepare(session, mode, ENCODE, KEY, vector)
        out = bytearray(16)
        session.invoke(CIPHER, Temporary(BLOCK, INPUT), Temporary(out, OUTPUT))
        assert out.hex() == expected
        prepare(session, mode, DECODE, KEY, vector)
        session.invoke(CIPHER, Temporary(bytes(out), INPUT), Temporary(out, OUTPUT))
        assert out == BLOCK


@pytest.mark.parametrize("key", [bytes(16), bytes(32)], ids=["AES-128", "AES-256"])
def test_aes_there_and_back_in_one_shared_buffer(context: Context, key: bytes) -> None:
    plain = bytes(range(256)) * 64
    with context.open_session(AES) as session, context.allocate(len(plain)) as buffer:
        buffer.view[:] = plain
        for direction in (ENCODE, DECODE):
            prepare(session, CTR, direction, key, bytes(16))
            session.invoke(
                CIPHER,
                Partial(buffer, 0, len(plain), INPUT),
                Partial(buffer, 0, len(plain), OUTPUT),
            )
            assert (bytes(buffer.view) == plain) == (direction == DECODE)


def test_aes_out_of_order_is_refused(context: Context) -> None:
    with context.open_session(AES) as session:
        with pytest.raises(TeeError) as failed:
            session.invoke(CIPHER, Temporary(BLOCK, INPUT), Temporary(bytearray(16), OUTPUT))
        assert failed.value.code == Result.ERROR_BAD_STATE
