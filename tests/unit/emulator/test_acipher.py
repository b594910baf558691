"""RSA: what comes out can be decrypted, and what a client can do wrong."""

import math
import sys
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from teed.driver.emulator import Emulator
from teed.driver.emulator.applications import rsa
from teed.driver.emulator.applications.acipher import Acipher
from teed_client import INPUT, OUTPUT, Context, Session, Temporary, Value
from teed_protocol.codes import MEMREF_NULL, Attribute, Origin, Result
from teed_protocol.fields import Parameter

GENERATE_KEY, ENCRYPT = range(2)
BITS = 1024
BYTES = BITS // 8
LONGEST = BYTES - 11

Results = Callable[..., tuple[int, int]]


@pytest.fixture
def session(context: Context) -> Iterator[Session]:
    with context.open_session(Acipher.uuid) as session:
        yield session


@pytest.fixture
def keyed(session: Session) -> Session:
    """A session with a key of 1024 bits."""
    session.invoke(GENERATE_KEY, Value(BITS, direction=INPUT))
    return session


def encrypt(session: Session, text: bytes) -> bytes:
    made = Temporary(bytearray(BYTES + 1), OUTPUT)
    session.invoke(ENCRYPT, Temporary(text, INPUT), made)
    assert made.size == BYTES
    return bytes(made.data[: made.size])


def decrypted(key: rsa.Key, secret: bytes) -> bytes:
    """With the private half; what is not padded as PKCS #1 v1.5 says fails."""
    inverse = pow(rsa.EXPONENT, -1, (key.p - 1) * (key.q - 1))
    block = pow(int.from_bytes(secret, "big"), inverse, key.modulus).to_bytes(key.size, "big")
    padding, zero, text = block[2:].partition(b"\0")
    assert (block[:2], zero, len(padding) >= 8) == (b"\0\2", b"\0", True)
    return text


@pytest.mark.parametrize("bits", [256, 264, 512, 1016, 1024, 2048])
@pytest.mark.parametrize("length", [0, 1, None], ids=["nothing", "a byte", "all there is room"])
def test_only_the_private_key_reads_what_is_encrypted(
    emulate: Callable[..., Emulator], opened: Callable[..., int], bits: int, length: int | None
) -> None:
    inside: list[Any] = []  # the session as the application sees it

    class Watched(Acipher):
        uuid = UUID(int=1)

        def open_session(self, session, parameters):
            inside.append(session)

    size = bits // 8
    text = b"t" * (size - 11 if length is None else length)
    tee = emulate(Watched)
    number = opened(tee, Watched)
    memory = tee.allocate(1)
    with memory.view(0, len(text), True) as view:
        view[:] = text
    tee.invoke(number, GENERATE_KEY, (Parameter(Attribute.VALUE_INPUT, bits),), 0)

    given = Parameter(Attribute.MEMREF_INPUT, 0, len(text), memory.id)
    made = Parameter(Attribute.MEMREF_OUTPUT, 1024, size, memory.id)
    assert tee.invoke(number, ENCRYPT, (given, made), 0).result == 0

    key: rsa.Key = inside[0].context
    assert key.modulus.bit_length() == bits
    with memory.view(1024, size, False) as view:
        assert decrypted(key, bytes(view)) == text


@pytest.mark.parametrize("bits", [256, 512])
def test_a_short_key_has_two_primes(bits: int) -> None:
    key = rsa.generate(bits)
    assert key.p != key.q
    for prime in key:
        assert all(pow(base, prime - 1, prime) == 1 for base in (2, 3, 5, 7, 11, 13, 17))


def test_a_number_that_is_no_prime_is_told_from_one() -> None:
    primes = [n for n in range(17, 3000, 2) if all(n % d for d in range(3, n, 2))]
    assert [n for n in range(17, 3000, 2) if rsa.is_prime(n)] == primes


def test_a_carmichael_number_is_no_prime() -> None:
    """A test after Fermat takes it for one, for every base that shares no factor with it."""
    k = 100291
    factors = [6 * k + 1, 12 * k + 1, 18 * k + 1]
    assert all(rsa.is_prime(factor) for factor in factors)
    assert not rsa.is_prime(math.prod(factors))


def test_no_two_texts_look_the_same(keyed: Session) -> None:
    assert encrypt(keyed, b"hello") != encrypt(keyed, b"hello")


@pytest.mark.parametrize("room", [None, 0, BYTES - 1])
@pytest.mark.parametrize("text", [b"hello", bytes(LONGEST + 1)])
def test_it_says_how_much_room_it_needs(
    keyed: Session, result: Results, room: int | None, text: bytes
) -> None:
    made = Temporary(None if room is None else bytearray(room), OUTPUT)

    answer = result(keyed, ENCRYPT, Temporary(text, INPUT), made)

    assert answer == (Result.ERROR_SHORT_BUFFER, Origin.TRUSTED_APP)
    assert made.size == BYTES
    assert not made.data or not any(made.data)


def test_a_text_too_long_for_the_key_is_refused(keyed: Session, result: Results) -> None:
    made = Temporary(bytearray(BYTES + 9), OUTPUT)

    answer = result(keyed, ENCRYPT, Temporary(bytes(LONGEST + 1), INPUT), made)

    assert answer == (Result.ERROR_BAD_PARAMETERS, Origin.TRUSTED_APP)
    assert made.size == BYTES + 9


def test_without_a_key_nothing_is_encrypted(session: Session, result: Results) -> None:
    text, made = Temporary(b"hello", INPUT), Temporary(None, OUTPUT)

    assert result(session, ENCRYPT, text, made)[0] == Result.ERROR_BAD_STATE


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (0, Result.ERROR_NOT_SUPPORTED),
        (255, Result.ERROR_NOT_SUPPORTED),
        (256, Result.SUCCESS),
        (260, Result.ERROR_BAD_PARAMETERS),
        (1028, Result.ERROR_BAD_PARAMETERS),
        (1032, Result.SUCCESS),
        (4097, Result.ERROR_NOT_SUPPORTED),
        (2**32 - 8, Result.ERROR_NOT_SUPPORTED),
    ],
)
def test_a_key_has_a_size_that_there_is(
    session: Session, result: Results, bits: int, expected: int
) -> None:
    answer = result(session, GENERATE_KEY, Value(bits, direction=INPUT))

    assert answer == (expected, Origin.TRUSTED_APP)


@pytest.mark.parametrize("bits", [100, 1028])
def test_the_old_key_stays_when_there_can_be_no_new_one(
    keyed: Session, result: Results, bits: int
) -> None:
    assert result(keyed, GENERATE_KEY, Value(bits, direction=INPUT))[0] != 0

    assert encrypt(keyed, b"hello")


def test_each_session_has_a_key_of_its_own(
    keyed: Session, context: Context, result: Results
) -> None:
    text, made = Temporary(b"hello", INPUT), Temporary(None, OUTPUT)

    with context.open_session(Acipher.uuid) as other:
        assert result(other, ENCRYPT, text, made)[0] == Result.ERROR_BAD_STATE


def test_types_are_checked_before_the_key(session: Session, result: Results) -> None:
    bad = (Result.ERROR_BAD_PARAMETERS, Origin.TRUSTED_APP)

    assert result(session, GENERATE_KEY, Value(BITS)) == bad
    assert result(session, ENCRYPT, Temporary(b"hello", INPUT)) == bad
    assert result(session, 2) == (Result.ERROR_NOT_SUPPORTED, Origin.TRUSTED_APP)


def test_without_cryptography_it_says_what_is_missing(
    tee: Emulator,
    opened: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers", None)
    session = opened(tee, Acipher)

    size = Parameter(Attribute.VALUE_INPUT, BITS)
    nothing = Parameter(Attribute.MEMREF_INPUT, 0, 0, MEMREF_NULL)
    made = nothing._replace(attr=Attribute.MEMREF_OUTPUT)
    short = size._replace(a=256)
    without_key = tee.invoke(session, ENCRYPT, (nothing, made), 0)

    assert tee.invoke(session, GENERATE_KEY, (short,), 0).result == Result.SUCCESS
    assert tee.invoke(session, GENERATE_KEY, (size,), 0).result == Result.ERROR_NOT_SUPPORTED
    assert "pip install" in caplog.text
    assert without_key.result == Result.ERROR_BAD_STATE
