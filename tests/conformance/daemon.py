"""A daemon in a process of its own, for tests that bring none along."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60


@contextmanager
def running(directory: Path, configuration: str) -> Iterator[Path]:
    """A daemon on the emulator, ready, with this configuration; gives its socket's path."""
    path = directory / "teed.sock"
    file = directory / "teed.toml"
    file.write_text(f'[socket]\npath = "{path}"\nmode = 0o666\n{configuration}')
    with (directory / "teed.log").open("wb") as log, _listening(directory) as ready:
        process = subprocess.Popen(
            [sys.executable, "-m", "teed", "--tee", "emulator", "--config", str(file)],
            stderr=log,
            env=os.environ | {"NOTIFY_SOCKET": str(directory / "notify")},
        )
        try:
            assert ready.recv(100) == b"READY=1"
            yield path
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(START_SECONDS)
    assert status == 0, (directory / "teed.log").read_text()


@contextmanager
def _listening(directory: Path) -> Iterator[socket.socket]:
    """A socket on which the daemon says that it is ready, as it does to systemd."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(directory / "notify"))
        ready.settimeout(START_SECONDS)
        yield ready
