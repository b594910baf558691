"""Requests that the TEE never answered, as a GlobalPlatform client is told of them."""

import errno

from teed_protocol.codes import Origin, Result
from teed_protocol.errors import TeeError

_RESULTS = {
    errno.ENOMEM: Result.ERROR_OUT_OF_MEMORY,
    errno.EINVAL: Result.ERROR_BAD_PARAMETERS,
}
_NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE}

CANCELLED = TeeError.refused(
    Result.ERROR_CANCEL, "cancelled", "cancelled before it entered the TEE"
)


def refusal_of(error: OSError) -> TeeError:
    """The error of a call that its driver refused, translated as libteec does.

    That there are no descriptors left is no word of the driver's, whoever has noticed it.
    """
    if error.errno in _NO_DESCRIPTOR:
        return TeeError.refused(
            Result.ERROR_OUT_OF_MEMORY, "limit", "teed has all the descriptors it may have"
        )
    result = _RESULTS.get(error.errno or 0, Result.ERROR_GENERIC)
    text = f"the TEE driver refused: {error.strerror}"
    return TeeError(result, Origin.COMMS, "driver", text)
