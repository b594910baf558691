"""Errors as people and programs see them."""

import pytest

from teed_protocol.codes import Origin, Result, origin_name, result_name
from teed_protocol.errors import (
    LocalProtocolError,
    ProtocolError,
    Refusal,
    RemoteProtocolError,
    TeedError,
    TeeError,
)


def test_a_known_code_has_its_globalplatform_name() -> None:
    assert result_name(0xFFFF000D) == "TEEC_ERROR_BUSY"
    assert result_name(0) == "TEEC_SUCCESS"
    assert origin_name(4) == "TEEC_ORIGIN_TRUSTED_APP"


def test_a_code_of_an_application_s_own_is_a_number() -> None:
    assert result_name(0x12345) == "0x00012345"
    assert origin_name(9) == "origin 9"


def test_an_error_says_what_and_from_where() -> None:
    error = TeeError.refused(Result.ERROR_BUSY, "busy", "too many requests")
    assert str(error) == "TEEC_ERROR_BUSY from TEEC_ORIGIN_COMMS: too many requests"
    assert error.refusal == Refusal(
        Result.ERROR_BUSY, Origin.COMMS, "busy", "too many requests"
    )
    assert error.name == "TEEC_ERROR_BUSY"


def test_an_error_without_words_ends_with_its_origin() -> None:
    assert str(TeeError(5, 4)) == "0x00000005 from TEEC_ORIGIN_TRUSTED_APP"


@pytest.mark.parametrize("kind", [LocalProtocolError, RemoteProtocolError, TeeError])
def test_every_error_that_a_user_handles_has_one_base(kind: type[Exception]) -> None:
    assert issubclass(kind, TeedError)


def test_both_sides_faults_are_faults_of_the_protocol() -> None:
    assert issubclass(LocalProtocolError, ProtocolError)
    assert issubclass(RemoteProtocolError, ProtocolError)
    assert not issubclass(TeeError, ProtocolError)
