"""Shared memory: memfds that the emulator maps, and pins while a call uses them."""

import errno
import fcntl
import heapq
import logging
import mmap
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

MOST_REGISTERED = 1 << 30
"""More than this is out of memory.  A real TEE has much less, and each another limit."""

MOST_ALLOCATED = 4 << 20
"""Linux allocates it in one piece, of which this is the largest (MAX_PAGE_ORDER)."""

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
"""A client gets the descriptor, and may not change its size under whoever maps it: the
kernel's own shared memory cannot be truncated either."""


class Memory:
    """One piece of shared memory, mapped here for as long as a call may be using it."""

    def __init__(self, table: "MemoryTable", number: int, fd: int, size: int) -> None:
        self.id = number
        self.size = size
        self.fd = fd
        self.pins = 0
        self.closed = False
        self._table = table
        self._pages = mmap.mmap(fd, size)

    def close(self) -> None:
        self._table.close(self)

    @contextmanager
    def view(self, offset: int, size: int, writable: bool) -> Iterator[memoryview]:
        """The shared bytes themselves; who asks has pinned the memory."""
        view = memoryview(self._pages)[offset : offset + size]
        if not writable:
            view = view.toreadonly()
        try:
            yield view
        finally:
            _give_up(view.release)

    def unmap(self) -> None:
        _give_up(self._pages.close)
        del self._pages  # so that what an application has kept is the last of it
        os.close(self.fd)


class MemoryTable:
    """All shared memory of one context, by the number that a memory reference carries.

    The lowest free number is given out next, as the kernel does: a broker that remembers
    the number of memory it has closed will meet somebody else's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._memories: dict[int, Memory] = {}
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._memories)

    def allocate(self, size: int) -> Memory:
        """New memory of whole pages: EINVAL for none at all, ENOMEM for too much."""
        if size == 0:
            raise _error(errno.EINVAL)
        if size > MOST_ALLOCATED:
            raise _error(errno.ENOMEM)
        rounded = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        fd = os.memfd_create("teed-emulator", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with closed_on_error(fd):
            os.ftruncate(fd, rounded)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
            return self._add(fd, rounded)

    def register(self, fd: int, size: int) -> Memory:
        """A memfd, taken over on success: ENOMEM for no bytes, EFAULT for more than it has."""
        if not 0 < size <= MOST_REGISTERED:
            raise _error(errno.ENOMEM)
        if size > os.fstat(fd).st_size:
            raise _error(errno.EFAULT)
        return self._add(fd, size)

    @contextmanager
    def pinned(self, number: int) -> Iterator[Memory]:
        """The memory with this number, kept whatever happens; EINVAL if there is none.

        The kernel would still find closed memory while another call uses it.  A broker
        that relies on that is wrong, so it is not found here.
        """
        with self._lock:
            memory = self._memories.get(number)
            if memory is None or memory.closed:
                raise _error(errno.EINVAL)
            memory.pins += 1
        try:
            yield memory
        finally:
            with self._lock:
                memory.pins -= 1
                self._drop_if_unused(memory)

    def close(self, memory: Memory) -> None:
        with self._lock:
            memory.closed = True
            self._drop_if_unused(memory)

    def close_all(self) -> None:
        for memory in list(self._memories.values()):
            self.close(memory)

    def _add(self, fd: int, size: int) -> Memory:
        with self._lock:
            number = self._free[0] if self._free else len(self._memories) + 1
            memory = self._memories[number] = Memory(self, number, fd, size)
            if self._free:
                heapq.heappop(self._free)
        return memory

    def _drop_if_unused(self, memory: Memory) -> None:
        if memory.closed and not memory.pins and memory.id in self._memories:
            del self._memories[memory.id]
            heapq.heappush(self._free, memory.id)
            memory.unmap()


@contextmanager
def closed_on_error(fd: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.close(fd)
        raise


def _give_up(release: Callable[[], None]) -> None:
    """Release, unless an application has kept a view: then the pages last as long as that."""
    try:
        release()
    except BufferError:
        log.warning("a trusted application keeps shared memory beyond its call")


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
