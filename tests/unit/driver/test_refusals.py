"""What a driver's errno is for a client."""

import errno
import os

import pytest

from teed.driver.refusals import refusal_of
from teed_protocol.codes import Origin, Result


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOMEM, Result.ERROR_OUT_OF_MEMORY),
        (errno.EINVAL, Result.ERROR_BAD_PARAMETERS),
        (errno.EPERM, Result.ERROR_GENERIC),
        (errno.EFAULT, Result.ERROR_GENERIC),
        (errno.EBUSY, Result.ERROR_GENERIC),
        (524, Result.ERROR_GENERIC),
    ],
)
def test_a_refusal_is_translated_as_libteec_does(number: int, code: Result) -> None:
    refusal = refusal_of(OSError(number, os.strerror(number)))
    assert (refusal.code, refusal.origin, refusal.reason) == (code, Origin.COMMS, "driver")
    assert refusal.text == f"the TEE driver refused: {os.strerror(number)}"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_descriptors_that_ran_out_are_teed_s_own_limit(number: int) -> None:
    refusal = refusal_of(OSError(number, os.strerror(number)))
    assert (refusal.code, refusal.reason) == (Result.ERROR_OUT_OF_MEMORY, "limit")
