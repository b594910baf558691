"""Fresh shared memory, some of it made and registered ahead of need.

What waits here nobody has seen.  What a client has had never comes back: a passed memfd
cannot be taken away again, so a released buffer is destroyed.
"""

import functools
import logging
from collections import deque
from collections.abc import Mapping

import trio

from teed import threads
from teed.driver.interface import Driver, SharedMemory
from teed.memory.memfd import make_memfd, whole_pages
from teed_protocol.codes import Capability

log = logging.getLogger(__name__)


class Stock:
    """Shared memory on the shelf, by size: *wanted* maps a size in bytes to how many."""

    def __init__(self, driver: Driver, wanted: Mapping[int, int]) -> None:
        self._driver = driver
        self._wanted = {whole_pages(size): count for size, count in wanted.items()}
        self._shelf: dict[int, deque[SharedMemory]] = {size: deque() for size in self._wanted}
        self._taken = trio.Event()
        self._maker = trio.CapacityLimiter(1)

    def __len__(self) -> int:
        return sum(map(len, self._shelf.values()))

    def has(self, size: int) -> bool:
        """Whether memory of *size* bytes is there, to be taken without waiting."""
        return bool(self._shelf.get(whole_pages(size)))

    async def take(self, size: int) -> SharedMemory:
        """Fresh memory of at least *size* bytes, whole pages; OSError as the driver has it."""
        size = whole_pages(size)
        shelf = self._shelf.get(size)
        if shelf is not None:
            self._taken.set()  # an empty shelf too is filled again: a refill may have failed
        return shelf.popleft() if shelf else await self._make(size)

    async def keep_filled(self) -> None:
        """Fill the shelf, and again whenever something was taken; runs until cancelled."""
        try:
            while True:
                self._taken = trio.Event()
                await self._fill()
                await self._taken.wait()
        finally:
            self._clear()

    async def _fill(self) -> None:
        for size, count in self._wanted.items():
            while len(self._shelf[size]) < count:
                try:
                    self._shelf[size].append(await self._make(size))
                except (OSError, threads.NoThread) as why:
                    log.warning("the stock of %d byte buffers stays short: %s", size, why)
                    break

    async def _make(self, size: int) -> SharedMemory:
        make = functools.partial(make_shared, self._driver, size)
        return await threads.run(make, limiter=self._maker)

    def _clear(self) -> None:
        for shelf in self._shelf.values():
            while shelf:
                shelf.popleft().close()


def make_shared(driver: Driver, size: int) -> SharedMemory:
    """Memory shared with the TEE: registered where the driver can, else the driver's own."""
    if driver.version.gen_caps & Capability.REG_MEM:
        return driver.register(make_memfd(size), size)
    return driver.allocate(size)
