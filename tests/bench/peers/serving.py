"""The servers of the peers, each a process of ours for as long as it is measured."""

import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import building
import processes
from measuring import Failed

LOOPBACK = "127.0.0.1"

Command = Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Call:
    """How to measure a peer that is ready: the program, and what it finds in its environment.

    How many calls it is to make is still to be added to the command.
    """

    command: Command
    environment: Mapping[str, str] = field(default_factory=dict)


def folder(name: str) -> Path:
    """A new folder for all that a peer keeps."""
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=building.scratch()))


@contextmanager
def running(
    command: Command,
    cpus: Sequence[int],
    is_ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """A server from when it is ready; Failed, with what it said, when it ends before."""
    server = processes.start(command, cpus, environment)
    try:
        _wait(server, is_ready, Path(command[0]).name)
        yield
    finally:
        processes.end(server)


def _wait(server: processes.Process, is_ready: Callable[[], bool], name: str) -> None:
    deadline = time.monotonic() + processes.START_SECONDS
    while not is_ready():
        if server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
            continue
        server.kill()
        said = b" ".join(server.communicate()).decode(errors="replace").strip()
        raise Failed(f"{name} did not start: {said or 'without a word'}")


def listens(path: Path) -> bool:
    """Whether somebody accepts connections at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(path)) == 0


def listens_at(port: int) -> bool:
    """The same for a port of the loopback interface."""
    with socket.socket() as caller:
        return caller.connect_ex((LOOPBACK, port)) == 0


def two_ports() -> int:
    """A port that is free now, and so is the next."""
    while True:
        with socket.socket() as one, socket.socket() as next_one:
            one.bind((LOOPBACK, 0))
            port: int = one.getsockname()[1]
            if port < 65535 and _binds(next_one, port + 1):
                return port


def _binds(one: socket.socket, port: int) -> bool:
    try:
        one.bind((LOOPBACK, port))
    except OSError:
        return False  # which is what was asked
    return True
