"""Packages that only some applications need, and not every installation has."""

import logging

from teed.driver.emulator.application import TaError
from teed_protocol.codes import Result

log = logging.getLogger(__name__)


def require_cryptography() -> None:
    """NOT_SUPPORTED, and a word in the log, where it is not installed."""
    try:
        import cryptography.hazmat.primitives.ciphers  # noqa: F401
    except ImportError as missing:
        log.error("this needs a package that is not installed here: pip install cryptography")
        raise TaError(Result.ERROR_NOT_SUPPORTED) from missing
