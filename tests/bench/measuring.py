"""What is measured, and what one round of it gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from array import array

QUICK_SHARE = 10
"""A quick run makes one call where a whole one makes so many."""

_quick = False


class Missing(Exception):
    """What a row needs is not installed; the words say what and how."""


class Failed(Exception):
    """Something that is installed did not do its work; the words say what it said."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one subject; latencies are nanoseconds, one a call, in order.

    There may be none, where only a rate or a size is meant.
    """

    latencies: "array[int]"
    seconds: float
    calls: int
    values: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def p50(self) -> float:
        """Microseconds; so are the next two."""
        return self.percentile(50)

    @property
    def p90(self) -> float:
        return self.percentile(90)

    @property
    def p99(self) -> float:
        return self.percentile(99)

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    def percentile(self, percent: int) -> float:
        """The smallest latency that *percent* of all do not exceed, in microseconds."""
        ordered = sorted(self.latencies)
        if not ordered:
            raise ValueError("no latencies were measured here")
        return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] / 1000

    def figure(self, name: str) -> float:
        """A property by its name (p50, rate ...), or else one of the values."""
        if name in self.values:
            return self.values[name]
        if name not in ("p50", "p90", "p99", "rate", "seconds"):
            raise ValueError(f"nobody measured {name} here")
        return float(getattr(self, name))


class Subject(Protocol):
    """One of the things that a group compares."""

    name: str

    def start(self) -> None:
        """Make ready; once.  Raises Missing when what it needs is not there."""

    def measure(self) -> Sample:
        """One round.  Raises Failed when it did not work."""

    def stop(self) -> None:
        """Clear away; once, always when start was tried, however it ended."""


def calls(number: int) -> int:
    """How many calls to make where a whole run makes *number*."""
    return max(1, number // QUICK_SHARE) if _quick else number


def be_quick() -> None:
    """From here on, measure little: to see that it works, not to prove anything."""
    global _quick
    _quick = True
