"""A smart card: its reader's driver in the process itself, and in pcscd.

The reader is vpcd, which finds its card at a port, and there our own card.c answers.

pcscd has its place built in: the socket and the pid in /run/pcscd, and the drivers of all
readers that are plugged in.  So ours has a /run of its own, and an empty folder of drivers, by
a mount namespace; it sees nothing of the system's pcscd, takes no reader from it, and its
socket is in our folder.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import building
from measuring import Missing
from peers import installed
from peers.serving import (
    LOOPBACK,
    Call,
    Command,
    folder,
    listens,
    listens_at,
    running,
    two_ports,
)

_HERE = Path(__file__).resolve().parent
_PEER = "pcscd"

_CONFIGURATION = """\
FRIENDLYNAME "Virtual PCD"
DEVICENAME {device}
LIBPATH {driver}
CHANNELID {port}
"""

_IN_ITS_PLACE = 'mount --bind "$1" /run && mount --bind "$2" "$3" && shift 3 && exec "$@"'


@contextmanager
def direct(cpus: Sequence[int]) -> Iterator[Call]:
    """The application loads the reader's driver."""
    reader = building.program(_HERE / "reader.c", "-rdynamic", *_flags(), "-ldl")
    with _card(cpus) as port:
        yield Call([reader, _driver(), f"{LOOPBACK}:{port}"])


@contextmanager
def through(cpus: Sequence[int]) -> Iterator[Call]:
    """pcscd loads it, and the application asks pcscd."""
    program = building.program(_HERE / "smartcard.c", *_flags())
    here = folder(_PEER)
    with _card(cpus) as port:
        command = [*_namespace(), *_places(here), *_pcscd(here, port)]
        socket = here / "run/pcscd/pcscd.comm"
        with running(command, cpus, lambda: listens(socket)):
            yield Call([program], {"PCSCLITE_CSOCK_NAME": str(socket)})


@contextmanager
def _card(cpus: Sequence[int]) -> Iterator[int]:
    """The card, from when it answers; its port."""
    port = two_ports()
    card = building.program(_HERE / "card.c")
    with running([card, str(port)], cpus, lambda: listens_at(port)):
        yield port


def _namespace() -> list[str]:
    """How to enter a mount namespace, which some containers allow to nobody."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    unshare = ["unshare", *user, "--mount"]
    mount = ["mount", "--bind", str(building.scratch()), "/run"]
    tried = subprocess.run([*unshare, *mount], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        raise Missing(f"no mount namespace for a pcscd of our own: {tried.stderr.strip()}")
    return unshare


def _places(here: Path) -> Command:
    """Where pcscd looks, in a namespace, is what we have made for it."""
    for made in ("run", "drivers"):
        (here / made).mkdir()
    drivers = installed.folder_of("libpcsclite", "usbdropdir", _PEER)
    return ["sh", "-c", _IN_ITS_PLACE, "sh", here / "run", here / "drivers", drivers]


def _pcscd(here: Path, port: int) -> Command:
    driver = shutil.copy(_driver(), here)  # the place where it is installed is hidden
    configuration = here / "reader.conf"
    device = f"{LOOPBACK}:{port}"
    configuration.write_text(_CONFIGURATION.format(device=device, driver=driver, port=port))
    return [installed.program("pcscd", _PEER), "--foreground", "--config", configuration]


def _driver() -> Path:
    drivers = installed.folder_of("libpcsclite", "usbdropdir", _PEER)
    return installed.file(drivers, "serial/libifdvpcd.so", _PEER)


def _flags() -> list[str]:
    return installed.flags("libpcsclite", _PEER)
