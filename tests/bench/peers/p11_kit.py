"""softhsm2, a PKCS #11 module: in the process itself, and in p11-kit's server."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import building
import processes
from peers import installed
from peers.serving import Call, Command, folder, listens, running

_HERE = Path(__file__).resolve().parent
_PEER = "p11-kit"
_PIN = "1234"


@contextmanager
def direct(cpus: Sequence[int]) -> Iterator[Call]:
    """The application loads the module."""
    yield Call([_program(), _softhsm()], _token(folder(_PEER)))


@contextmanager
def through(cpus: Sequence[int]) -> Iterator[Call]:
    """The server loads it, and the application loads p11-kit's client."""
    here = folder(_PEER)
    environment = _token(here)
    place = installed.folder_of("p11-kit-1", "p11_module_path", _PEER)
    client = installed.file(place, "p11-kit-client.so", _PEER)
    server: Command = [
        *(installed.program("p11-kit", _PEER), "server", "--foreground"),
        *("--name", here / "socket", "--provider", _softhsm(), "pkcs11:token=bench"),
    ]
    with running(server, cpus, lambda: listens(here / "socket"), environment):
        address = {"P11_KIT_SERVER_ADDRESS": f"unix:path={here / 'socket'}"}
        yield Call([_program(), client], address)


def _program() -> Path:
    flags = installed.flags("p11-kit-1", _PEER)
    return building.program(_HERE / "pkcs11.c", *flags, "-ldl")


def _softhsm() -> Path:
    return installed.file(Path("/usr/lib/softhsm"), "libsofthsm2.so", _PEER)


def _token(here: Path) -> Mapping[str, str]:
    """Make a token that lives in *here*; the environment in which softhsm2 finds it."""
    (here / "tokens").mkdir()
    configuration = here / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {here / 'tokens'}\nobjectstore.backend = file\n"
    )
    environment = {"SOFTHSM2_CONF": str(configuration)}
    command: Command = [
        *(installed.program("softhsm2-util", _PEER), "--init-token", "--free"),
        *("--label", "bench", "--pin", _PIN, "--so-pin", _PIN),
    ]
    processes.finish(processes.start(command, environment=environment))
    return environment
