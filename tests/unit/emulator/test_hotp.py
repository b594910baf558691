"""One-time passwords: the vectors of RFC 4226, and what a client can do wrong."""

from collections.abc import Callable, Iterator

import pytest

from teed.driver.emulator.applications.hotp import Hotp
from teed_client import INOUT, INPUT, OUTPUT, Context, Session, TeeError, Temporary, Value
from teed_protocol.codes import Origin, Result

REGISTER_SHARED_KEY, GET_HOTP = range(2)
KEY = b"12345678901234567890"
PASSWORDS = [755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489]
BAD_PARAMETERS = (Result.ERROR_BAD_PARAMETERS, Origin.TRUSTED_APP)

Results = Callable[..., tuple[int, int]]


@pytest.fixture
def session(context: Context) -> Iterator[Session]:
    with context.open_session(Hotp.uuid) as session:
        yield session


def register(session: Session, key: bytes) -> None:
    session.invoke(REGISTER_SHARED_KEY, Temporary(key, INPUT))


def password(session: Session) -> int:
    value = Value(direction=OUTPUT)
    session.invoke(GET_HOTP, value)
    assert value.b == 0
    return value.a


def test_the_vectors_of_the_rfc(session: Session) -> None:
    register(session, KEY)

    assert [password(session) for _ in PASSWORDS] == PASSWORDS


def test_each_session_has_a_key_and_a_counter_of_its_own(
    session: Session, context: Context
) -> None:
    register(session, KEY)
    password(session)
    with context.open_session(Hotp.uuid) as other:
        register(other, KEY[:10])
        assert password(other) not in PASSWORDS
        register(other, KEY)
        assert password(other) == PASSWORDS[1]
    assert password(session) == PASSWORDS[1]


@pytest.mark.parametrize("size", [10, 64])
def test_a_key_has_ten_to_sixty_four_bytes(session: Session, size: int) -> None:
    register(session, KEY)
    register(session, bytes(size))

    assert 0 <= password(session) < 1_000_000


@pytest.mark.parametrize("size", [0, 9])
def test_a_key_that_is_too_short_is_noticed_when_it_is_used(
    session: Session, result: Results, size: int
) -> None:
    register(session, bytes(size))

    assert result(session, GET_HOTP, Value(direction=OUTPUT)) == BAD_PARAMETERS


def test_a_key_that_is_too_long_is_refused_and_the_old_one_stays(
    session: Session, result: Results
) -> None:
    register(session, KEY)

    assert result(session, REGISTER_SHARED_KEY, Temporary(bytes(65), INPUT)) == BAD_PARAMETERS

    assert password(session) == PASSWORDS[0]


def test_a_password_that_nobody_got_is_used_up(session: Session, result: Results) -> None:
    assert result(session, GET_HOTP, Value(direction=OUTPUT)) == BAD_PARAMETERS

    register(session, KEY)

    assert password(session) == PASSWORDS[1]


def test_whatever_else_is_asked_for_is_a_bad_parameter(
    session: Session, result: Results
) -> None:
    assert result(session, 2) == BAD_PARAMETERS
    assert result(session, REGISTER_SHARED_KEY, Value(direction=INPUT)) == BAD_PARAMETERS
    assert result(session, GET_HOTP, Value(direction=INOUT)) == BAD_PARAMETERS


def test_a_session_is_opened_without_parameters(context: Context) -> None:
    with pytest.raises(TeeError) as refused:
        context.open_session(Hotp.uuid, Value())

    assert (refused.value.code, refused.value.origin) == BAD_PARAMETERS
