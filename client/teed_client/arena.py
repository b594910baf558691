"""Where temporary references stand for the time of one call: parts of one shared buffer.

A temporary reference is placed in memory that the TEE knows already, so a call that has
some registers nothing.  The buffer is allocated when it is first needed; calls that run at
the same time take parts of it; a call that needs more than is free gets a buffer of its own.

What a call leaves behind stays until another one is placed there.  Only this client's
trusted applications can see it; who shares one client between applications that must not
see each other's data gives each a context of its own.
"""

from bisect import bisect
from threading import Lock

from teed_client.memory import Memory

_CACHE_LINE = 64


def room_for(size: int) -> int:
    """How much of the arena *size* bytes take: whole cache lines, and never nothing."""
    return (size + _CACHE_LINE - 1) & -_CACHE_LINE or _CACHE_LINE


class Block:
    """A part of a buffer that belongs to one call."""

    __slots__ = ("_next", "memory", "number", "size", "start")

    def __init__(self, memory: Memory, start: int, size: int) -> None:
        self.memory = memory
        self.number = memory.number
        self.start = start
        self.size = size
        self._next = start

    def cut(self, size: int) -> tuple[int, memoryview]:
        """The next *size* bytes: their offset in the buffer, and the bytes."""
        offset = self._next
        self._next += room_for(size)
        return offset, self.memory.shared[offset : offset + size]


class Arena:
    """Gives out blocks of one buffer; ask from any thread.

    It does no I/O: ``take`` gives None when a buffer of ``wanted`` bytes has to be allocated
    and adopted first, and ``give_back`` returns a buffer that has to be released.
    """

    def __init__(self, size: int) -> None:
        self._size = size & -_CACHE_LINE
        self._memory: Memory | None = None
        self._free: list[tuple[int, int]] = []  # (start, end), in order, never touching
        self._lock = Lock()

    def take(self, room: int) -> Block | None:
        """A block of *room* bytes, the first that is free; None when there is none."""
        with self._lock:
            if self._memory is None:
                return None
            for index, (start, end) in enumerate(self._free):
                if end - start > room:
                    self._free[index] = (start + room, end)
                elif end - start == room:
                    del self._free[index]
                else:
                    continue
                return Block(self._memory, start, room)
            return None

    def wanted(self, room: int) -> int:
        """How much to allocate for a block of *room* bytes that could not be taken."""
        return max(room, self._size) if self._memory is None else room

    def adopt(self, memory: Memory, room: int) -> Block:
        """The block that *memory* was allocated for; the first that is big enough stays."""
        with self._lock:
            if self._memory is not None or not room <= self._size <= memory.size:
                return Block(memory, 0, room)
            self._memory = memory
            if room < self._size:
                self._free.append((room, self._size))
            return Block(memory, 0, room)

    def give_back(self, block: Block) -> Memory | None:
        """The call is over; a buffer that was only for this one has to be released."""
        if block.memory is not self._memory:
            return block.memory
        start, end = block.start, block.start + block.size
        free = self._free
        with self._lock:
            index = bisect(free, (start, end))
            if index < len(free) and free[index][0] == end:
                _, end = free.pop(index)
            if index and free[index - 1][1] == start:
                index -= 1
                start, _ = free.pop(index)
            free.insert(index, (start, end))
        return None
