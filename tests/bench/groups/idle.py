"""What it takes that teed is there: its start and its memory, and what a client imports."""

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import building
import processes
from measuring import Sample, Subject, calls
from programs import quiet_teed
from rounds import Group, Ratio
from teed_daemon import TeedDaemon

TIMES = 10
"""How often a round starts each."""

MEMORY = ("Pss", "Rss", "Anonymous")


@dataclass
class Again:
    """Something that is done from here, again and again; *undo* is not in its time."""

    name: str
    do: Callable[[], object]
    undo: Callable[[], object] = lambda: None

    def start(self) -> None:
        self._once()  # its files are in the page cache from here on

    def measure(self) -> Sample:
        took = array("q", (self._once() for _ in range(calls(TIMES))))
        return Sample(took, sum(took) / 1e9, len(took))

    def stop(self) -> None:
        pass

    def _once(self) -> int:
        begin = time.monotonic_ns()
        try:
            self.do()
            return time.monotonic_ns() - begin
        finally:
            self.undo()


@dataclass
class Resting:
    """The memory of a daemon whose first client has opened a session and left."""

    name: str
    teed: TeedDaemon = field(default_factory=quiet_teed)

    def start(self) -> None:
        self._crowd = building.program("crowd")

    def measure(self) -> Sample:
        try:
            self.teed.start()
            processes.run([self._crowd, self.teed.socket, "1", "1"])
            memory = processes.memory(self.teed.pid)
        finally:
            self.teed.stop()
        return Sample(array("q"), 0, 0, {f"{one}_MiB": memory[one] / 1024 for one in MEMORY})

    def stop(self) -> None:
        pass


def subjects() -> Sequence[Subject]:
    cpus = [processes.one_cpu()]
    teed = quiet_teed(cpus=cpus)
    return [
        Again("python, pass", _python("pass", cpus)),
        Again("import teed_client", _python("import teed_client", cpus)),
        Again("import trio", _python("import trio", cpus)),
        Again("import teed_client.trio", _python("import teed_client.trio", cpus)),
        Again("teed, until it listens", teed.start, teed.stop),
        Resting("teed, at rest"),
    ]


def _python(code: str, cpus: Sequence[int]) -> Callable[[], object]:
    """A Python of its own that does this, from its start to its end."""
    return lambda: processes.finish(processes.start([processes.PYTHON, "-c", code], cpus))


GROUP = Group(
    "idle",
    "processes from their start to their end, teed until it listens, and its memory at rest",
    subjects,
    [
        Ratio("teed_client over pass", "import teed_client", "python, pass", "p50"),
        Ratio("teed_client.trio over trio", "import teed_client.trio", "import trio", "p50"),
        Ratio("teed over import trio", "teed, until it listens", "import trio", "p50"),
    ],
    "Pss is Rss, but that what other processes have too is shared between all of them; "
    "Anonymous is what is teed's alone whoever else runs.",
)
