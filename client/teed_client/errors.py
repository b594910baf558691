"""The errors that arise on this side of the wire."""

from teed_protocol.codes import Origin, Result
from teed_protocol.errors import Refusal, TeeError


class Disconnected(TeeError):
    """teed cannot be reached, has gone away, or was left because it broke the protocol.

    Nothing that was made over this connection is of use any more: sessions are closed and
    buffers belong to this process alone.  Connect anew.
    """

    @classmethod
    def because(cls, why: Refusal) -> "Disconnected":
        """The same refusal, as the reason for which the connection ended."""
        return cls(why.code, why.origin, why.reason, why.text)


def disconnected(text: str, reason: str = "disconnected") -> Disconnected:
    return Disconnected(Result.ERROR_COMMUNICATION, Origin.COMMS, reason, text)


def bad_parameters(text: str) -> TeeError:
    """The operation is wrong and was not sent; GlobalPlatform's code and origin for that."""
    return TeeError(Result.ERROR_BAD_PARAMETERS, Origin.API, "bad-parameters", text)


def bad_state(reason: str, text: str) -> TeeError:
    """What was called is closed, or was made by another process.  Nothing was sent."""
    return TeeError(Result.ERROR_BAD_STATE, Origin.API, reason, text)


def forked() -> TeeError:
    """A child shares its parent's descriptors: using them would take the parent's answers."""
    return bad_state("forked", "made by the parent of this process; connect anew here")


def withdrawn() -> TeeError:
    """A cancelled call that was not sent."""
    return TeeError.refused(Result.ERROR_CANCEL, "cancelled", "cancelled before it was sent")


def no_descriptor(what: str) -> TeeError:
    """An answer came, but its descriptor did not: this process has too many open."""
    text = f"no descriptor left for {what}; close some, or raise the limit (ulimit -n)"
    return TeeError(Result.ERROR_OUT_OF_MEMORY, Origin.API, "descriptors", text)
