"""The programs that are measured, and what one run of them says.

Each prints two numbers of nanoseconds a line: a lap's two halves (open and close, allocate and
release), of which the second may mean nothing.
"""

import re
import statistics
from array import array
from dataclasses import dataclass

import processes
from measuring import Failed, Sample

FOLDER = "/usr/lib/teed-vm"
STOCK = "stock"
TEED = "teed"
FLOOR = "floor"
"""Neither: two processes that hand each other a message."""

_ENVIRONMENT = {STOCK: {}, FLOOR: {}, TEED: {"LD_LIBRARY_PATH": "/usr/lib/teed"}}
_LAP = re.compile(rb"^(\d+) (\d+)$", re.MULTILINE)
"""The stock library says on the same output when an ioctl failed."""


@dataclass(frozen=True)
class Program:
    """One of the programs with one of the two libraries; its latencies are the first halves."""

    side: str
    title: str
    command: tuple[str, ...]
    second: str = ""
    """What the second half is called; empty where it means nothing."""

    @property
    def name(self) -> str:
        return f"{self.side}: {self.title}"

    def start(self) -> None:
        """There is nothing to make ready."""

    def stop(self) -> None:
        """Each run clears away after itself."""

    def measure(self) -> Sample:
        laps = self._laps()
        values = {}
        if self.second:
            values[self.second] = statistics.median(second for _, second in laps) / 1000
        firsts = array("q", (first for first, _ in laps))
        return Sample(firsts, sum(firsts) / 1e9, len(firsts), values)

    def _laps(self) -> list[tuple[int, int]]:
        name, *arguments = self.command
        running = processes.start(
            [f"{FOLDER}/{name}", *arguments], None, _ENVIRONMENT[self.side]
        )
        laps = _LAP.findall(processes.finish(running))
        if not laps:
            raise Failed(f"{name} {' '.join(arguments)} measured nothing")
        return [(int(first), int(second)) for first, second in laps]


class Crowd(Program):
    """A program that prints how many calls were made, and in how many nanoseconds."""

    def measure(self) -> Sample:
        [(calls, nanoseconds)] = self._laps()
        return Sample(array("q"), nanoseconds / 1e9, calls)
