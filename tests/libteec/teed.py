"""A daemon on the emulator, as a process of its own."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from teed_protocol.calls import Hello, Status
from teed_protocol.messages import MAX_MESSAGE, Request, Response, decode, encode

from .building import REPOSITORY

CONFIGURATION = """
[tee]
driver = "emulator"
secure_threads = 4
register_memory = {register_memory}
null_references = {null_references}
[emulator]
sessions = 200
[limits]
sessions = 200
"""


class Daemon:
    """A daemon from its start to its end; ``socket`` is there when it is."""

    def __init__(self, directory: Path, *, rich: bool = True) -> None:
        self.socket = directory / "teed.sock"
        self._configuration = directory / "teed.toml"
        truth = "true" if rich else "false"
        self._configuration.write_text(
            CONFIGURATION.format(register_memory=truth, null_references=truth)
        )

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "teed", "--config", str(self._configuration)),
                *("--socket", str(self.socket)),
            ],
            cwd=REPOSITORY,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "listening" in line:
                return self
        raise AssertionError("the daemon did not start")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)

    def kill(self) -> None:
        """End it without a word, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def wait_until(self, what: Callable[[dict[str, int]], bool]) -> None:
        """Look at what it counts until that is so; nobody else can tell when it is."""
        deadline = time.monotonic() + 60
        while not what(status(self.socket)):
            assert time.monotonic() < deadline


def status(path: Path) -> dict[str, int]:
    """What the daemon that listens there counts."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(str(path))
        for call in (Hello((1,), "test"), Status()):
            connection.send(encode(Request(1, call.METHOD, call.to_wire())))
            answer = decode(connection.recv(MAX_MESSAGE))
            assert isinstance(answer, Response)
            assert answer.error is None
    counts: dict[str, int] = answer.result
    return counts
