"""A TPM, which is swtpm: asked by the application itself, and through tpm2-abrmd.

A TPM serves one at a time, and tpm2-abrmd never lets go of its own: each way has one.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import building
from peers import installed
from peers.buses import dbus_daemon
from peers.serving import LOOPBACK, Call, Command, folder, listens_at, running, two_ports

_HERE = Path(__file__).resolve().parent
_PEER = "tpm2-abrmd"
_NAME = "com.intel.tss2.Tabrmd"


@contextmanager
def direct(cpus: Sequence[int]) -> Iterator[Call]:
    """The application has the TPM for itself."""
    program = _program()
    with _swtpm(cpus) as way:
        yield Call([program, way])


@contextmanager
def through(cpus: Sequence[int]) -> Iterator[Call]:
    """The application finds the daemon by D-Bus, and talks to it over a socket of its own."""
    program = _program()
    with _swtpm(cpus) as way, dbus_daemon(cpus, _PEER) as bus:
        command: Command = [
            *(installed.program("tpm2-abrmd", _PEER), "--session", "--dbus-name", _NAME),
            *("--allow-root", "--tcti", way),
        ]
        environment = {"DBUS_SESSION_BUS_ADDRESS": bus}
        with running(command, cpus, lambda: _is_there(bus), environment):
            yield Call([program, f"tabrmd:bus_type=session,bus_name={_NAME}"], environment)


@contextmanager
def _swtpm(cpus: Sequence[int]) -> Iterator[str]:
    """A TPM that has started up; how to reach it."""
    port = two_ports()  # the second is where the TCTI looks for the TPM's controls
    where = f"type=tcp,bindaddr={LOOPBACK},port="
    command: Command = [
        *(installed.program("swtpm", _PEER), "socket", "--tpm2"),
        *("--tpmstate", f"dir={folder('swtpm')}", "--flags", "not-need-init,startup-clear"),
        *("--server", f"{where}{port}", "--ctrl", f"{where}{port + 1}"),
    ]
    with running(command, cpus, lambda: listens_at(port + 1)):
        yield f"swtpm:host={LOOPBACK},port={port}"


def _is_there(bus: str) -> bool:
    """Whether the daemon has its name on the bus, which it takes when it is ready."""
    asked: Command = [
        *(installed.program("dbus-send", _PEER), f"--bus={bus}", "--print-reply=literal"),
        *("--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner"),
        f"string:{_NAME}",
    ]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return "true" in done.stdout


def _program() -> Path:
    libraries = ("tss2-esys", "tss2-tctildr")
    flags = [flag for library in libraries for flag in installed.flags(library, _PEER)]
    return building.program(_HERE / "tpm.c", *flags)
