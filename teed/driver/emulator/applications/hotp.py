"""One-time passwords as in RFC 4226, with the interface of OP-TEE's example."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from teed.driver.emulator.application import (
    MemoryReference,
    Seen,
    TrustedApplication,
    Value,
    command,
    require,
)
from teed.driver.emulator.session import Session
from teed_protocol.codes import Attribute, Result

SHORTEST_KEY, LONGEST_KEY = 10, 64
"""In bytes: GlobalPlatform's limits for HMAC with SHA-1."""

DIGITS = 6


@dataclass
class Token:
    """What a session shares with a server that checks its passwords."""

    key: bytes = b""
    counter: int = 0

    def next_password(self) -> int:
        """The password of this counter, which is used up even when the key is of no use."""
        moving_factor = self.counter.to_bytes(8, "big")
        self.counter += 1
        require(len(self.key) >= SHORTEST_KEY)
        digest = hmac.digest(self.key, moving_factor, "sha1")
        offset = digest[-1] & 0xF
        truncated = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
        return int(truncated % 10**DIGITS)


class Hotp(TrustedApplication):
    """A key and a counter for each session."""

    uuid = UUID("484d4143-2d53-4841-3120-4a6f636b6542")
    unknown_command = Result.ERROR_BAD_PARAMETERS

    def open_session(self, session: Session, parameters: Sequence[Seen]) -> None:
        require(all(each is None for each in parameters))
        session.context = Token()

    @command(0, Attribute.MEMREF_INPUT)
    def register_shared_key(self, session: Session, key: MemoryReference) -> None:
        """The counter goes on: it is the session's, not the key's."""
        require(key.size <= LONGEST_KEY)
        session.context.key = key.read()

    @command(1, Attribute.VALUE_OUTPUT)
    def get_hotp(self, session: Session, password: Value) -> None:
        password.a = session.context.next_password()
