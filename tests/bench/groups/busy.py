"""The data plane while the control plane is busy with clients that come and go."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import building
import processes
from measuring import Missing, Sample, Subject, calls
from programs import quiet_teed, to_teed
from rounds import Group, Ratio
from teed_daemon import TeedDaemon

CLIENTS = 8
CALLS = 48_000
VISITORS = 2
SECONDS = 60


@dataclass
class Beside:
    """The load on one processor, and on the other the visitors, of *whom* is said.

    ``teed`` is the one that is measured; ``another`` is one that has nothing to do with it.
    """

    name: str
    whom: str = "nobody"
    teed: TeedDaemon = field(default_factory=quiet_teed)
    another: TeedDaemon = field(default_factory=quiet_teed)

    def start(self) -> None:
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2:
            raise Missing("needs two processors")
        self._here, self._there = [allowed[-1]], [allowed[0]]
        for daemon in (self.teed, self.another):
            daemon.start()
            pin(daemon, self._here if daemon is self.teed else self._there, self._there)
        load = to_teed("load", CLIENTS, calls(CALLS) // CLIENTS)
        self._load = load(self.teed.socket)
        self._churn = [building.teec_program("churn"), VISITORS, SECONDS]

    def measure(self) -> Sample:
        if self.whom == "nobody":
            return self._measure_load()
        visited = self.teed if self.whom == "teed" else self.another
        churn = processes.start(
            self._churn, self._there, visited.environment, stdin=subprocess.PIPE
        )
        try:
            measured = self._measure_load()
        except BaseException:
            processes.end(churn)
            raise
        visits = processes.sample(processes.finish(churn))  # which closes its input
        rate = visits.latencies[0] / visits.seconds
        return Sample(measured.latencies, measured.seconds, measured.calls, {"visits": rate})

    def _measure_load(self) -> Sample:
        return processes.run(self._load, self._here, self.teed.environment)

    def stop(self) -> None:
        self.teed.stop()
        self.another.stop()


def pin(daemon: TeedDaemon, crew: Sequence[int], others: Sequence[int]) -> None:
    """The crew's threads on some processors, all else of that daemon on others."""
    for task in Path(f"/proc/{daemon.pid}/task").iterdir():
        is_crew = (task / "comm").read_text().startswith("teed-crew")
        os.sched_setaffinity(int(task.name), crew if is_crew else others)


def subjects() -> Sequence[Subject]:
    return [
        Beside("idle"),
        Beside("busy", "teed"),
        Beside("another is busy", "another"),
    ]


GROUP = Group(
    "busy",
    f"{CLIENTS} clients that call, while others come, allocate, open, close and leave",
    subjects,
    [
        Ratio("throughput, busy over idle", "busy", "idle", "rate"),
        Ratio("p99, busy over idle", "busy", "idle", "p99"),
        Ratio("throughput, another busy over idle", "another is busy", "idle", "rate"),
        Ratio("p99, another busy over idle", "another is busy", "idle", "p99"),
        Ratio("throughput, busy over another busy", "busy", "another is busy", "rate"),
        Ratio("p99, busy over another busy", "busy", "another is busy", "p99"),
    ],
    "The crew and the load have one processor, the control plane and the visitors the other: "
    "a control plane that works takes time from nobody that way, only locks and turns. "
    "Another: the same visitors, but of a second teed, so that only the machine is shared.",
)
