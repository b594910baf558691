"""Temporary references for the time of one call: where they stand in the arena."""

from typing import TYPE_CHECKING

from teed_client.arena import room_for
from teed_client.parameter import MEMREF, Parameter, Wire
from teed_protocol.codes import MEMREF_NULL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from teed_client.arena import Block
    from teed_client.operation import Temporary


class Null(Parameter):
    """A temporary reference to nothing: the application sees NULL."""

    __slots__ = ("_reference",)

    def __init__(self, reference: "Temporary") -> None:
        self._reference = reference

    def send(self, block: "Block | None") -> Wire:
        return MEMREF + self._reference.direction, 0, 0, MEMREF_NULL

    def receive(self, a: int, b: int) -> None:
        self._reference.size = b


class Stretch:
    """A part of the arena for one reference, or for some that refer to the same memory."""

    __slots__ = ("_place", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self._place: tuple[int, memoryview] | None = None

    def place(self, block: "Block") -> tuple[int, memoryview]:
        """Its offset in the buffer, and its bytes: the same for all who ask."""
        if self._place is None:
            self._place = block.cut(self.size)
        return self._place


class Placed(Parameter):
    """A temporary reference in its block of the arena.

    All of the memory is copied in, outputs too: what the application does not write comes
    back as it was, as from memory that the TEE shares directly, and never as the leavings
    of another call.
    """

    __slots__ = ("_reference", "_shared", "_stretch", "outside", "room")

    def __init__(self, reference: "Temporary", outside: memoryview) -> None:
        self._reference = reference
        self._shared = outside
        self._stretch: tuple[Stretch, int] | None = None
        self.outside = outside
        self.room = room_for(len(outside))

    @property
    def is_output(self) -> bool:
        return bool(self._reference.direction & 2)

    def share(self, stretch: Stretch, start: int, room: int) -> None:
        """Stand *start* bytes into this stretch; one of those that do takes its *room*."""
        self._stretch = stretch, start
        self.room = room

    def send(self, block: "Block | None") -> Wire:
        assert block is not None
        size = len(self.outside)
        if self._stretch is None:
            offset, self._shared = block.cut(size)
        else:
            stretch, start = self._stretch
            offset, shared = stretch.place(block)
            offset += start
            self._shared = shared[start : start + size]
        self._shared[:] = self.outside
        return MEMREF + self._reference.direction, offset, size, block.number

    def receive(self, a: int, b: int) -> None:
        written = min(b, len(self.outside))
        self.outside[:written] = self._shared[:written]
        self._reference.size = b


_OWNERS = (bytes, bytearray)
"""Whose memory is no other object's."""


def share_overlaps(bound: "Sequence[Parameter]") -> bool:
    """Let references to the same memory, or to parts that overlap, be that for the TEE too.

    Otherwise an output that the application leaves alone would take back what it wrote
    through another one.  Only what can be written has an address that can be had: an input
    that cannot has a place of its own, and is seen as it was before the call.

    False when there are none, which is found out quickly when it is plain to see.
    """
    placed = [each for each in bound if type(each) is Placed]
    objects = [each.outside.obj for each in placed]
    if len(objects) < 2 or _are_apart(objects) or not any(each.is_output for each in placed):
        return False
    for group in _overlapping(placed):
        first = group[0][0]
        size = max(start + len(each.outside) for start, each in group) - first
        stretch, room = Stretch(size), room_for(size)
        for start, each in group:
            each.share(stretch, start - first, room)
            room = 0
    return True


def _are_apart(objects: "Sequence[object]") -> bool:
    for each in objects:
        if type(each) not in _OWNERS:
            return False
    return len(set(map(id, objects))) == len(objects)


def _overlapping(placed: "Iterable[Placed]") -> "Iterator[list[tuple[int, Placed]]]":
    """The groups of those that overlap, each with its address, the lowest first."""
    writable = [each for each in placed if len(each.outside) and not each.outside.readonly]
    group: list[tuple[int, Placed]] = []
    end = 0
    for each in sorted(writable, key=_address):
        start = _address(each)
        if start >= end:
            if len(group) > 1:
                yield group
            group = []
        group.append((start, each))
        end = max(end, start + len(each.outside))
    if len(group) > 1:
        yield group


def _address(placed: Placed) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(placed.outside))
