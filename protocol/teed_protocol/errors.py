"""The errors that the wire knows: whose fault, and what the TEE said."""

from dataclasses import dataclass

from teed_protocol.codes import Origin, origin_name, result_name


class TeedError(Exception):
    """Base of every error that a user of teed is expected to handle."""


class ProtocolError(TeedError):
    """The wire protocol was broken; raised only as one of the next two."""


class LocalProtocolError(ProtocolError):
    """We tried to say something illegal.  Nothing was sent; fix the caller."""


class RemoteProtocolError(ProtocolError):
    """The peer said something illegal.  Hang up: what else it says cannot be trusted."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request got no answer from the TEE: the error of a response.

    ``code`` and ``origin`` are what a GlobalPlatform client reports, ``reason`` is a stable
    word for programs, ``text`` is a sentence for a person.
    """

    code: int
    origin: int
    reason: str
    text: str


class TeeError(TeedError):
    """A request failed: refused by teed, by the driver, by the TEE or by the application."""

    def __init__(self, code: int, origin: int, reason: str = "tee", text: str = "") -> None:
        self.code = code
        self.origin = origin
        self.reason = reason
        self.text = text
        detail = f": {text}" if text else ""
        super().__init__(f"{result_name(code)} from {origin_name(origin)}{detail}")

    @property
    def name(self) -> str:
        """The GlobalPlatform name of the code, for example ``TEEC_ERROR_BUSY``."""
        return result_name(self.code)

    @property
    def refusal(self) -> Refusal:
        """The same as the error of a response."""
        return Refusal(self.code, self.origin, self.reason, self.text)

    @classmethod
    def refused(cls, code: int, reason: str, text: str) -> "TeeError":
        """teed itself says no; the origin is COMMS, the only honest one for a broker."""
        return cls(code, Origin.COMMS, reason, text)
