"""Subjects that are programs: a server, and a client that is started anew each round."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import building
import processes
from measuring import Sample
from teed_daemon import TeedDaemon

CORE = building.REPOSITORY / "teed/channels/core"
HERE = Path(__file__).resolve().parent

ROOMY = """
[limits]
clients = 1024
sessions = 1024
channels = 1024
"""
"""All clients here are one user, who has more of everything than teed grants by itself."""


class Server(Protocol):
    """Whoever answers the calls; the socket is where it listens."""

    socket: Path

    def start(self) -> None: ...
    def stop(self) -> None: ...


class FloorServer:
    """The C server that reads and replies, a thread per connection, and does nothing else."""

    def __init__(self, cpus: Sequence[int] | None = None) -> None:
        self._cpus = cpus
        self._process: processes.Process | None = None
        self.socket = Path()

    def start(self) -> None:
        server = building.program("floor_server")
        self.socket = Path(tempfile.mkdtemp(prefix="floor-", dir=building.scratch())) / "floor"
        self._process = processes.start([server, self.socket], self._cpus)
        processes.wait_until_it_listens(self._process)

    def stop(self) -> None:
        if self._process is not None:
            processes.end(self._process)
            self._process = None


class Nobody:
    """No server at all: the program makes its calls within itself."""

    socket = Path()

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


def quiet_teed(
    *arguments: str, cpus: Sequence[int] | None = None, more: str = ""
) -> TeedDaemon:
    """A teed whose TEE does nothing, with room for the clients of a benchmark."""
    return TeedDaemon("--tee", "noop", *arguments, cpus=cpus, configuration=ROOMY + more)


@dataclass
class Program:
    """A measuring program and the server it talks to.

    *command* is asked for at the start, when the server listens: it compiles what is missing.
    """

    name: str
    server: Server
    command: "Command"
    cpus: Sequence[int] | None = None

    def start(self) -> None:
        self.server.start()
        self._command = list(self.command(self.server.socket))

    def measure(self) -> Sample:
        environment = {"TEED_SOCKET": str(self.server.socket)}
        return processes.run(self._command, self.cpus, environment)

    def stop(self) -> None:
        self.server.stop()


Command = Callable[[Path], Sequence[str | Path]]
"""Compiles what it takes, and gives the command line for a server that listens there."""


def to_floor(program: str, *arguments: object) -> Command:
    """A program of native/ that calls the floor's server."""
    return lambda path: [
        building.program(program, _calls("floor")),
        path,
        *map(str, arguments),
    ]


def to_teed(program: str, *arguments: object) -> Command:
    """The same program, which calls teed through libteec.so.2."""
    return lambda path: [
        building.teec_program(program, _calls("teec")),
        path,
        *map(str, arguments),
    ]


def to_nobody(program: str, where: str, *arguments: object) -> Command:
    """The same program with the noop TEE's own function; *where* is as in direct_calls.c."""
    sources = (_calls("direct"), str(CORE / "noop.c"), f"-I{CORE}")
    return lambda _: [building.program(program, *sources), where, *map(str, arguments)]


def teec_program(program: str, *arguments: object) -> Command:
    """A program of native/ that uses libteec.so.2 in a way of its own."""
    return lambda _: [building.teec_program(program), *map(str, arguments)]


def without_server(program: str, *arguments: object) -> Command:
    """A program of native/ that is all there is."""
    return lambda _: [building.program(program), *map(str, arguments)]


def in_python(script: str, *arguments: object) -> Command:
    """A script of clients/, run with this Python."""
    return lambda _: [
        processes.PYTHON,
        HERE / "clients" / f"{script}.py",
        *map(str, arguments),
    ]


def _calls(way: str) -> str:
    return str(building.NATIVE / f"{way}_calls.c")
