"""Objects in trusted storage, with the interface of OP-TEE's example."""

from uuid import UUID

from teed.driver.emulator.application import (
    MemoryReference,
    TrustedApplication,
    command,
    require,
)
from teed.driver.emulator.session import Session
from teed_protocol.codes import Attribute, Result

HEAP = 32 * 1024
"""The example's own memory, in which it keeps a copy of all that goes in and out."""


class SecureStorage(TrustedApplication):
    """One session at a time writes, reads and deletes; what is written outlives it."""

    uuid = UUID("f4e750bb-1437-4fbf-8785-8d3580c34994")
    single_instance = True

    @command(0, Attribute.MEMREF_INPUT, Attribute.MEMREF_OUTPUT)
    def read(self, session: Session, name: MemoryReference, content: MemoryReference) -> None:
        _require_heap(name, content)
        content.write(self.storage.read(name.read()))

    @command(1, Attribute.MEMREF_INPUT, Attribute.MEMREF_INPUT)
    def write(self, session: Session, name: MemoryReference, content: MemoryReference) -> None:
        _require_heap(name, content)
        self.storage.create(name.read(), content.read(), overwrite=True)

    @command(2, Attribute.MEMREF_INPUT)
    def delete(self, session: Session, name: MemoryReference) -> None:
        _require_heap(name)
        self.storage.delete(name.read())


def _require_heap(*copied: MemoryReference) -> None:
    needed = sum(each.capacity for each in copied)
    require(needed <= HEAP, Result.ERROR_OUT_OF_MEMORY)
