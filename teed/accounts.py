"""What each user has, and how much of it a user may have.

A user is a uid, as the kernel tells it: a limit by connection would not bind a client that
connects twice.  Charged by the control plane, credited by whichever thread ends the thing.
"""

import threading
from dataclasses import dataclass, fields

from teed.disposal import MOST, Disposal
from teed_protocol.codes import Result
from teed_protocol.errors import TeeError


@dataclass(slots=True)
class Counts:
    """How many of each thing there are; ``bytes`` is shared memory."""

    clients: int = 0
    sessions: int = 0
    channels: int = 0
    buffers: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one user may have of each.

    The kernel does not count the memory that a TEE registration pins (not against
    RLIMIT_MEMLOCK either), so ``bytes`` is the only limit that there is.
    """

    clients: int = 256
    sessions: int = 32
    channels: int = 512
    buffers: int = 1024
    bytes: int = 256 * 2**20


NAMES = tuple(field.name for field in fields(Counts))


class Account:
    """One user's counts, kept within the limits."""

    def __init__(self, uid: int, limits: Limits) -> None:
        self.uid = uid
        self.counts = Counts()
        self.disposal = Disposal()
        self._limits = limits
        self._lock = threading.Lock()

    @property
    def is_idle(self) -> bool:
        return self.counts == Counts() and not self.disposal.pending

    def charge(self, **amounts: int) -> None:
        """Count these; TeeError names the limit that forbids it, and then none is counted."""
        if self.disposal.is_behind:
            raise too_slow()
        with self._lock:
            for name, amount in amounts.items():
                most = getattr(self._limits, name)
                if getattr(self.counts, name) + amount > most:
                    raise TeeError.refused(
                        Result.ERROR_OUT_OF_MEMORY,
                        "limit",
                        f"user {self.uid} may have {most} {name} at the most",
                    )
            self._add(amounts, 1)

    def credit(self, **amounts: int) -> None:
        with self._lock:
            self._add(amounts, -1)

    def _add(self, amounts: dict[str, int], sign: int) -> None:
        for name, amount in amounts.items():
            setattr(self.counts, name, getattr(self.counts, name) + sign * amount)


class Accounts:
    """Every user that has something, and ``strangers`` of whom the kernel cannot tell all."""

    def __init__(self, limits: Limits) -> None:
        self.strangers = Account(-1, limits)
        self._limits = limits
        self._by_uid: dict[int, Account] = {}

    def of(self, uid: int) -> Account:
        self._forget_idle()
        return self._by_uid.setdefault(uid, Account(uid, self._limits))

    def total(self, name: str) -> int:
        return sum(getattr(account.counts, name) for account in self._by_uid.values())

    def _forget_idle(self) -> None:
        """Users without anything are dropped, so that the table does not grow for ever."""
        for uid in [uid for uid, account in self._by_uid.items() if account.is_idle]:
            del self._by_uid[uid]


def too_slow() -> TeeError:
    """What a user is told whose descriptors take long to close."""
    return TeeError.refused(
        Result.ERROR_OUT_OF_MEMORY,
        "limit",
        f"more than {MOST} descriptors that this user sent are not closed yet",
    )
