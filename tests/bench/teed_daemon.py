"""A teed in a process of its own, to be measured."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import building
import processes


class TeedDaemon:
    """A daemon from start to stop, on *cpus* only if given; ``socket`` is where it listens.

    *arguments* are teed's own; *configuration* is a file's text.
    """

    def __init__(
        self,
        *arguments: str,
        cpus: Sequence[int] | None = None,
        configuration: str = "",
    ) -> None:
        self._arguments = arguments or ("--tee", "noop")
        self._cpus = cpus
        self._configuration = configuration
        self._process: processes.Process | None = None
        self.socket = Path()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to find it."""
        return {"TEED_SOCKET": str(self.socket)}

    def start(self) -> None:
        """Returns when it listens; raises Failed, with what it said, when it does not."""
        folder = Path(tempfile.mkdtemp(prefix="teed-", dir=building.scratch()))
        self.socket = folder / "teed.sock"
        file = folder / "teed.toml"
        file.write_text(self._configuration)
        self._process = processes.start(
            [
                *(processes.PYTHON, "-m", "teed", *self._arguments),
                *("--config", file, "--socket", self.socket),
            ],
            self._cpus,
        )
        processes.wait_until_it_listens(self._process)

    def stop(self) -> None:
        if self._process is not None:
            processes.end(self._process)
            self._process = None
