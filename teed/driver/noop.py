"""A TEE that does nothing, quickly: for benchmarks of the daemon, and for nothing else.

``teed --tee noop`` answers every invocation with success and the parameters as they were;
with ``--device 20`` after 20 microseconds of a processor's time.  It never calls Python for
it, so what is measured is the way through the daemon.
"""

import itertools
import os

from teed.channels._core import ffi, lib
from teed.driver.interface import Answer, Native, Opening, Version
from teed.memory.memfd import make_memfd, whole_pages
from teed_protocol.codes import Capability, Origin, Result
from teed_protocol.fields import Parameters


class NoopMemory:
    """Memory that no TEE sees."""

    def __init__(self, number: int, size: int, fd: int) -> None:
        self.id = number
        self.size = size
        self.fd = fd

    def close(self) -> None:
        os.close(self.fd)


class Noop:
    """Says yes to everything, after *microseconds* when it is an invocation."""

    name = "noop"
    version = Version(0, 0, Capability.GP | Capability.REG_MEM | Capability.MEMREF_NULL)

    def __init__(self, microseconds: int = 0) -> None:
        function = ffi.cast("uintptr_t", ffi.addressof(lib, "teed_noop"))
        self.native = Native(int(function), microseconds)
        self._numbers = itertools.count(1)

    def allocate(self, size: int) -> NoopMemory:
        size = whole_pages(size)
        return self.register(make_memfd(size), size)

    def register(self, memfd: int, size: int) -> NoopMemory:
        return NoopMemory(next(self._numbers), size, memfd)

    def open_session(self, opening: Opening) -> Answer:
        return Answer(
            Result.SUCCESS, Origin.TRUSTED_APP, opening.parameters, next(self._numbers)
        )

    def invoke(
        self, session: int, command: int, parameters: Parameters, cancel_id: int
    ) -> Answer:
        return Answer(Result.SUCCESS, Origin.TRUSTED_APP, parameters)

    def cancel(self, session: int, cancel_id: int) -> None:
        pass

    def close_session(self, session: int) -> None:
        pass

    def close(self) -> None:
        pass
