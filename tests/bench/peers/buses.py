"""D-Bus: two who talk to each other by themselves, and through a bus."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import building
from peers import installed
from peers.serving import Call, Command, folder, listens, running

_HERE = Path(__file__).resolve().parent

_CONFIGURATION = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


@contextmanager
def direct(cpus: Sequence[int]) -> Iterator[Call]:
    """A socket between the two."""
    yield Call([_program("dbus-daemon"), "peer"])


@contextmanager
def through_daemon(cpus: Sequence[int]) -> Iterator[Call]:
    """The reference implementation."""
    program = _program("dbus-daemon")
    with dbus_daemon(cpus, "dbus-daemon") as address:
        yield Call([program, address])


@contextmanager
def through_broker(cpus: Sequence[int]) -> Iterator[Call]:
    """The one that is meant to be fast."""
    program = _program("dbus-broker")
    installed.program("dbus-broker", "dbus-broker")  # which the controller starts
    flags = installed.flags("libsystemd", "dbus-broker")
    controller = building.program(_HERE / "broker_controller.c", *flags)
    socket = folder("dbus-broker") / "bus"
    with running([controller, socket], cpus, lambda: listens(socket)):
        yield Call([program, f"unix:path={socket}"])


@contextmanager
def dbus_daemon(cpus: Sequence[int], peer: str) -> Iterator[str]:
    """A bus of our own, for the sake of *peer*; its address."""
    here = folder("dbus-daemon")
    configuration, socket = here / "bus.conf", here / "bus"
    configuration.write_text(_CONFIGURATION.format(socket=socket))
    program = installed.program("dbus-daemon", peer)
    command: Command = [program, "--config-file", configuration, "--nofork", "--nopidfile"]
    with running(command, cpus, lambda: listens(socket)):
        yield f"unix:path={socket}"


def _program(peer: str) -> Path:
    return building.program(_HERE / "bus.c", *installed.flags("libsystemd", peer))
