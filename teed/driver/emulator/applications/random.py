"""Random bytes, with the interface of OP-TEE's example."""

import os
from uuid import UUID

from teed.driver.emulator.application import MemoryReference, TrustedApplication, command
from teed.driver.emulator.session import Session
from teed_protocol.codes import Attribute


class Random(TrustedApplication):
    """Fills a client's buffer."""

    uuid = UUID("b6c53aba-9669-4668-a7f2-205629d00f86")

    @command(0, Attribute.MEMREF_OUTPUT)
    def generate(self, session: Session, wanted: MemoryReference) -> None:
        wanted.write(os.urandom(wanted.capacity))
