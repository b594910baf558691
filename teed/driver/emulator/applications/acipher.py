"""RSA encryption with a new key pair, with the interface of OP-TEE's example.

The package ``cryptography`` makes the keys, and makes no short ones: its newer versions
none of less than 1024 bits, where OP-TEE begins with 256.
"""

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from teed.driver.emulator.application import (
    MemoryReference,
    TaError,
    TrustedApplication,
    Value,
    command,
    require,
)
from teed.driver.emulator.applications.packages import require_cryptography
from teed.driver.emulator.session import Session
from teed_protocol.codes import Attribute, Result

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

log = logging.getLogger(__name__)

SMALLEST_KEY, LARGEST_KEY = 256, 4096
"""In bits: the limits of an RSA key object in OP-TEE."""

EXPONENT = 65537
PADDING = 11
"""The bytes that PKCS #1 v1.5 adds at the least."""


class Acipher(TrustedApplication):
    """A key pair for each session."""

    uuid = UUID("a734eed9-d6a1-4244-aa50-7c99719e7b7b")

    @command(0, Attribute.VALUE_INPUT)
    def generate_key(self, session: Session, size: Value) -> None:
        """The old key pair stays where there can be no new one."""
        require(SMALLEST_KEY <= size.a <= LARGEST_KEY, Result.ERROR_NOT_SUPPORTED)
        require(size.a % 8 == 0)
        session.context = _generate(size.a)

    @command(1, Attribute.MEMREF_INPUT, Attribute.MEMREF_OUTPUT)
    def encrypt(self, session: Session, text: MemoryReference, made: MemoryReference) -> None:
        """As OP-TEE, look at the room first: a text is too long only where it would fit."""
        require(session.context, Result.ERROR_BAD_STATE)
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        key: RSAPrivateKey = session.context
        size = key.key_size // 8
        require(made.capacity < size or text.size <= size - PADDING)
        made.check_room(size)
        made.write(key.public_key().encrypt(text.read(), PKCS1v15()))


def _generate(bits: int) -> "RSAPrivateKey":
    require_cryptography()
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        return rsa.generate_private_key(EXPONENT, bits)
    except ValueError as why:
        log.error("no RSA key of %d bits: %s", bits, why)
        raise TaError(Result.ERROR_NOT_SUPPORTED) from why
