"""A slot in shared memory in place of a socket, with nothing around it.

It is the evidence for the section "A ring in shared memory" of docs/performance.md: what could
be saved at the most, and by which way of waiting.  Nothing of teed is measured here.
"""

import os
from typing import TYPE_CHECKING

import building
import processes
from measuring import Missing, Sample, calls
from rounds import Group, Ratio

if TYPE_CHECKING:
    from pathlib import Path

HOWS = ("socket", "poll", "loop", "ring", "spin", "bell", "waitv")
"""What native/ring.c can do; the first is what the others are compared with."""

EXCHANGES = 16_000
"""In a round, of all clients together."""


class Exchange:
    """*clients* clients in processes of their own, and one server, *how* ring.c does it."""

    def __init__(self, how: str, clients: int, *, cpus: int) -> None:
        self.name = _name(how, clients, cpus)
        self._how = how
        self._clients = clients
        self._cpus = cpus
        self._command: tuple[str | Path, ...] = ()

    def start(self) -> None:
        allowed = sorted(os.sched_getaffinity(0), reverse=True)
        if len(allowed) < self._cpus:
            raise Missing(f"this machine gives us {len(allowed)} CPU")
        each = str(calls(EXCHANGES) // self._clients or 1)
        ends = (str(allowed[0]), str(allowed[self._cpus - 1]))
        self._command = (
            building.program("ring"),
            *(self._how, str(self._clients), each, *ends),
        )

    def measure(self) -> Sample:
        return processes.run(self._command)

    def stop(self) -> None:
        pass


PLACES = [(1, 1), (8, 1), (64, 1), (1, 2), (8, 2), (64, 2)]
"""How many clients, and on how many processors: one for both ends, or one for each end.

Looking for a while before sleeping, with both ends on one processor, only keeps the other end
from running, so that is not measured.
"""


def _hows(cpus: int) -> list[str]:
    return [how for how in HOWS if cpus == 2 or how not in ("poll", "spin")]


def _name(how: str, clients: int, cpus: int) -> str:
    return f"{how}, {clients} on {cpus} cpu"


def _subjects() -> list[Exchange]:
    return [
        Exchange(how, clients, cpus=cpus) for clients, cpus in PLACES for how in _hows(cpus)
    ]


def _ratios() -> list[Ratio]:
    """For one client the time, for many the work done in a time."""
    return [
        Ratio(f"{over}: {of} / {under}", over, under, of)
        for clients, cpus in PLACES
        for of in ["p50" if clients == 1 else "rate"]
        for under in [_name(HOWS[0], clients, cpus)]
        for over in [_name(how, clients, cpus) for how in _hows(cpus)[1:]]
    ]


GROUP = Group(
    "ring",
    "a slot in shared memory in place of a socket, C at both ends, nothing in between",
    _subjects,
    _ratios(),
    "socket: a thread for each connection, as in the floor. See docs/performance.md.",
)
