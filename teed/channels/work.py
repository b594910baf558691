"""What the crew works on, as Python sees it: sessions, their channels, and errands.

Each owns the structure that the core works with, so it must live as long as the core knows
of it: ``core/crew.c`` says how long that is, and the crew keeps it for so long.  A handle is
a weak reference, so that nothing waits for the garbage collector.
"""

import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

from teed.channels._core import ffi, lib
from teed.memory.buffers import BufferTable

NO_APPLICATION = bytes(16)


class Room:
    """A session as the crew sees it: one call is in it, the others wait at its door."""

    def __init__(self, number: int, application: bytes = NO_APPLICATION) -> None:
        self.number = number
        self.core = ffi.new(
            "struct teed_room *", {"session": number, "application": application}
        )

    @property
    def dead(self) -> bool:
        """Whether its application has panicked."""
        return bool(self.core.dead)


class Listener(Protocol):
    """Who hears what becomes of a channel."""

    def channel_lost(self, channel: "Channel", why: str | None, fds: Sequence[int]) -> None:
        """The peer hung up, or (*why*) broke the protocol; *fds* it sent with its last words.

        They are the listener's to close, which may take long.
        """


class Channel:
    """The daemon's end of a session channel: a socket that the crew alone reads.

    Whoever made the socket closes it, when the crew is done with the channel.
    """

    def __init__(
        self,
        fd: int,
        room: Room,
        owner: Hashable,
        buffers: BufferTable,
        listener: Listener,
    ) -> None:
        self.fd = fd
        self.room = room
        self.buffers = buffers
        self.listener = listener
        self.misdeed: str | None = None
        self.on_idle: Callable[[], None] | None = None
        self.handle = ffi.new_handle(weakref.ref(self))
        self.core = ffi.new(
            "struct teed_channel *",
            {
                "work": _work(owner, self.handle, is_errand=False),
                "fd": fd,
                "room": room.core,
                "buffers": buffers.core,
                "unwanted": -1,
            },
        )

    @property
    def request(self) -> int | None:
        """The request that runs in the TEE at this moment."""
        return self.core.request if self.core.running else None

    @property
    def waits(self) -> bool:
        """Whether it stands in line with a request that no worker has taken."""
        return self.core.place in (lib.TEED_READY, lib.TEED_PARKED, lib.TEED_PATIENT)


class Errand:
    """One call into the TEE on behalf of the control plane, in its owner's turn."""

    def __init__(self, owner: Hashable, run: Callable[[], None]) -> None:
        self.run = run
        self.handle = ffi.new_handle(weakref.ref(self))
        self.core = ffi.new("struct teed_work *", _work(owner, self.handle, is_errand=True))


def _work(owner: Hashable, handle: object, *, is_errand: bool) -> dict[str, object]:
    """Owners whose hashes are the same would share their turn, and nothing else."""
    key = hash(owner) % 2**64
    return {"turn": {"owner": key}, "handle": handle, "is_errand": is_errand}
