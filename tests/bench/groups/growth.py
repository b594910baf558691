"""How cost grows: many clients that are only there, and many sessions that nobody calls."""

import resource
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import building
import processes
from measuring import Missing, Sample, Subject, calls
from programs import to_teed
from rounds import Group, Ratio, Samples
from teed_daemon import TeedDaemon

CLIENTS = (1, 100, 1_000, 10_000)
SESSIONS = (1, 100, 1_000)
CALLS = 10_000

SPARE = 500
"""Descriptors of the daemon, and of the crowd, that are none of the crowd's own."""

ROOMY = "[limits]\nclients = 20000\nsessions = 20000\nchannels = 20000\n"


@dataclass
class Crowd:
    """A daemon, its *clients* and their *sessions* in all, and one more client that calls.

    Each round has a daemon of its own: one that had a crowd before has memory left from it.
    """

    name: str
    clients: int
    sessions: int = 0

    def start(self) -> None:
        _make_room(self.clients + self.sessions + SPARE)
        self._cpus = [processes.one_cpu()]
        self._crowd = building.program("crowd")
        self._load = to_teed("load", 1, calls(CALLS))

    def measure(self) -> Sample:
        daemon = TeedDaemon("--tee", "noop", cpus=self._cpus, configuration=ROOMY)
        try:
            daemon.start()
            return self._measure(daemon)
        finally:
            daemon.stop()

    def stop(self) -> None:
        pass

    def _measure(self, daemon: TeedDaemon) -> Sample:
        alone = self._call(daemon)  # before the memory: the very first client has its own cost
        before = processes.memory(daemon.pid)["Rss"]
        with self._present(daemon) as told:
            grown = processes.memory(daemon.pid)["Rss"] - before
            beside = self._call(daemon)
        values = {
            "slowest_us": max(told.latencies) / 1000,
            "KiB_each": grown / told.calls,
            "alone_us": alone.p50,
            "call_us": beside.p50,
            "call_p99_us": beside.p99,
        }
        return Sample(told.latencies, told.seconds, told.calls, values)

    def _call(self, daemon: TeedDaemon) -> Sample:
        return processes.run(self._load(daemon.socket), self._cpus, daemon.environment)

    @contextmanager
    def _present(self, daemon: TeedDaemon) -> Iterator[Sample]:
        """The crowd, from when all are there; how they came."""
        crowd = processes.start(
            [self._crowd, daemon.socket, str(self.clients), str(self.sessions)],
            self._cpus,
            stdin=subprocess.PIPE,
        )
        assert crowd.stdout is not None
        try:
            told = crowd.stdout.read(8 * (1 + (self.sessions or self.clients)))
            yield processes.sample(told or processes.finish(crowd))
        except BaseException:
            processes.end(crowd)
            raise
        processes.finish(crowd)  # which closes its input


def _make_room(descriptors: int) -> None:
    """Let daemon and crowd, which take what they may have, have so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors <= hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, descriptors))
    except (ValueError, OSError):
        raise Missing(
            f"needs {descriptors} open files; a process here may have {hard} (ulimit -Hn)"
        ) from None


def _clients(number: int) -> str:
    return f"{number:,} idle client{_s(number)}"


def _sessions(number: int) -> str:
    return f"{number:,} session{_s(number)} of one client"


def _s(number: int) -> str:
    return "" if number == 1 else "s"


EACH = f"{SESSIONS[-1]:,} clients with a session each"


def subjects() -> Sequence[Subject]:
    return [
        *(Crowd(_clients(number), number) for number in CLIENTS),
        *(Crowd(_sessions(number), 1, number) for number in SESSIONS),
        Crowd(EACH, SESSIONS[-1], SESSIONS[-1]),
    ]


def call_over_alone(crowd: str) -> Callable[[Samples], float]:
    """What a call takes beside that crowd, for what it took the same daemon without it."""

    def over_alone(samples: Samples) -> float:
        sample = samples[crowd]
        return sample.figure("call_us") / sample.figure("alone_us")

    over_alone.__name__ = f"call beside {crowd} over alone"
    return over_alone


GROUP = Group(
    "growth",
    "how cost grows with those who are there and silent, both ends on one processor",
    subjects,
    [
        *(call_over_alone(_clients(number)) for number in CLIENTS),
        *(call_over_alone(_sessions(number)) for number in SESSIONS),
        call_over_alone(EACH),
        Ratio("coming, 10,000 over 100", _clients(10_000), _clients(100), "p50"),
        Ratio("opening, 1,000 over 100", _sessions(1_000), _sessions(100), "p50"),
        Ratio("KiB each, 10,000 over 100", _clients(10_000), _clients(100), "KiB_each"),
    ],
    "Times are those of a client's coming (connection, hello, welcome), or of a session's "
    "opening, while the crowd grows. KiB each: what the daemon's own memory has grown by, "
    "for each that came; what the kernel keeps for their sockets is not in it. alone and call: "
    "the median of a further client's empty calls, before they come and when all are there.",
)
