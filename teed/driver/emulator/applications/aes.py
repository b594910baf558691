"""AES in ECB, CBC or CTR mode, with the interface of OP-TEE's example.

The ciphers are those of the package ``cryptography``, which is imported when a client
prepares one.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
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
    from cryptography.hazmat.primitives.ciphers import CipherContext

BLOCK_SIZE = 16
NO_IV = bytes(BLOCK_SIZE)
ECB, CBC, CTR = range(3)
DECODE, ENCODE = range(2)


@dataclass
class Prepared:
    """What a session has prepared so far: each step needs the one before, ECB no IV."""

    mode: int
    key_size: int
    direction: int
    key: bytes = b""
    cipher: "CipherContext | None" = None

    def start(self, iv: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        mode: Any = {ECB: modes.ECB(), CBC: modes.CBC(iv), CTR: modes.CTR(iv)}[self.mode]
        cipher = Cipher(algorithms.AES(self.key), mode)
        self.cipher = cipher.encryptor() if self.direction == ENCODE else cipher.decryptor()


class Aes(TrustedApplication):
    """A cipher for each session."""

    uuid = UUID("5dbac793-f574-4871-8ad3-04331ec17f24")

    @command(0, Attribute.VALUE_INPUT, Attribute.VALUE_INPUT, Attribute.VALUE_INPUT)
    def prepare(self, session: Session, mode: Value, key_size: Value, direction: Value) -> None:
        require(mode.a in (ECB, CBC, CTR))
        require(key_size.a in (16, 32))
        require(direction.a in (DECODE, ENCODE))
        require_cryptography()
        session.context = Prepared(mode.a, key_size.a, direction.a)

    @command(1, Attribute.MEMREF_INPUT)
    def set_key(self, session: Session, key: MemoryReference) -> None:
        prepared = _prepared(session)
        require(key.size == prepared.key_size)
        prepared.key = key.read()
        prepared.cipher = None
        if prepared.mode == ECB:
            prepared.start(NO_IV)

    @command(2, Attribute.MEMREF_INPUT)
    def set_iv(self, session: Session, iv: MemoryReference) -> None:
        prepared = _prepared(session)
        require(prepared.key, Result.ERROR_BAD_STATE)
        require(iv.size == BLOCK_SIZE)
        prepared.start(iv.read())

    @command(3, Attribute.MEMREF_INPUT, Attribute.MEMREF_OUTPUT)
    def cipher(self, session: Session, given: MemoryReference, made: MemoryReference) -> None:
        prepared = _prepared(session)
        if prepared.cipher is None:
            raise TaError(Result.ERROR_BAD_STATE)
        require(prepared.mode == CTR or given.size % BLOCK_SIZE == 0)
        made.check_room(given.size)
        made.write(prepared.cipher.update(given.read()))


def _prepared(session: Session) -> Prepared:
    require(session.context, Result.ERROR_BAD_STATE)
    prepared: Prepared = session.context
    return prepared
