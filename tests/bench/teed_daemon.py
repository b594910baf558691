"""A teed in a process of its own, to be measured."""

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import building
import processes
from measuring import Failed

START_SECONDS = 30


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
        self._process: subprocess.Popen[bytes] | None = None
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
                *(sys.executable, "-m", "teed", *self._arguments),
                *("--config", file, "--socket", self.socket),
            ],
            self._cpus,
        )
        self._wait_until_it_listens(self._process)

    def _wait_until_it_listens(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stderr is not None
        said = b""
        deadline = time.monotonic() + START_SECONDS
        while b"listening" not in said:
            left = max(0.0, deadline - time.monotonic())
            readable, _, _ = select.select([process.stderr], [], [], left)
            heard = os.read(process.stderr.fileno(), 4096) if readable else b""
            if not heard:
                self.stop()
                words = said.decode(errors="replace").strip() or "without a word"
                raise Failed(f"teed did not start: {words}")
            said += heard

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.communicate(timeout=START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._process = None
