"""RSA encryption with a new key pair, with the interface of OP-TEE's example."""

from uuid import UUID

from teed.driver.emulator.application import (
    MemoryReference,
    TrustedApplication,
    Value,
    command,
    require,
)
from teed.driver.emulator.applications import rsa
from teed.driver.emulator.session import Session
from teed_protocol.codes import Attribute, Result

SMALLEST_KEY, LARGEST_KEY = 256, 4096
"""In bits: the limits of an RSA key object in OP-TEE."""


class Acipher(TrustedApplication):
    """A key pair for each session."""

    uuid = UUID("a734eed9-d6a1-4244-aa50-7c99719e7b7b")

    @command(0, Attribute.VALUE_INPUT)
    def generate_key(self, session: Session, size: Value) -> None:
        """The old key pair stays where there can be no new one."""
        require(SMALLEST_KEY <= size.a <= LARGEST_KEY, Result.ERROR_NOT_SUPPORTED)
        require(size.a % 8 == 0)
        session.context = rsa.generate(size.a)

    @command(1, Attribute.MEMREF_INPUT, Attribute.MEMREF_OUTPUT)
    def encrypt(self, session: Session, text: MemoryReference, made: MemoryReference) -> None:
        """As OP-TEE, look at the room first: a text is too long only where it would fit."""
        require(session.context, Result.ERROR_BAD_STATE)
        key: rsa.Key = session.context
        require(made.capacity < key.size or text.size <= key.size - rsa.PADDING)
        made.check_room(key.size)
        made.write(key.encrypt(text.read()))
