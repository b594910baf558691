"""Errors as people and programs see them."""

import re
from pathlib import Path

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

HEADER = Path(__file__).parents[3] / "client/libteec/include/tee_client_api.h"


def test_a_known_code_has_its_globalplatform_name() -> None:
    assert result_name(0xFFFF000D) == "TEEC_ERROR_BUSY"
    assert result_name(0) == "TEEC_SUCCESS"
    assert origin_name(4) == "TEEC_ORIGIN_TRUSTED_APP"


def test_a_code_that_only_applications_have_a_name_for_has_theirs() -> None:
    assert result_name(0xF0100001) == "TEE_ERROR_CORRUPT_OBJECT"
    assert result_name(0xFFFF3071) == "TEE_ERROR_MAC_INVALID"
    assert result_name(0xF0100003) == "TEEC_ERROR_STORAGE_NOT_AVAILABLE"


def test_clients_have_the_names_that_the_header_of_libteec_has() -> None:
    defined = dict(
        re.findall(r"#define (TEEC_(?:SUCCESS|ERROR_\w+)) (0x\w+)", HEADER.read_text())
    )
    ours = {result_name(code): code for code in Result}
    theirs = {name: int(number, 16) for name, number in defined.items()}
    assert {name: code for name, code in ours.items() if name.startswith("TEEC_")} == theirs


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
