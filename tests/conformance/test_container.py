"""A client in a container that has the socket and no device does its work."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from .applications import TEED_TEST

DEVICE = Path("/dev/tee0")

CLIENT = f"""
import glob, json, sys
from teed_client import Context, Direction, Value

with Context(sys.argv[1]) as context, context.open_session("{TEED_TEST}") as session:
    value = Value(41)
    given, out = Value(direction=Direction.INPUT), Value(direction=Direction.OUTPUT)
    session.invoke(1, given, out, value)
    print(json.dumps([value.a, context.driver, glob.glob("/dev/tee*")]))
"""


def test_a_client_in_a_container_without_the_device(socket_path: Path, tmp_path: Path) -> None:
    outside = _where_the_device_is(tmp_path)
    assert _client(outside, socket_path)[2] != []
    answer, driver, devices = _client([*outside, *_container(socket_path)], "/run/teed.sock")
    assert answer == 42
    assert driver in ("emulator", "linux")
    assert devices == []


def _where_the_device_is(folder: Path) -> list[str]:
    """Here; or else, on the emulator, in a world that differs by a file called /dev/tee0."""
    if DEVICE.exists():
        return []
    stand_in = folder / "tee0"
    stand_in.touch()
    return [
        *(_bwrap(), "--die-with-parent", "--bind", "/", "/", "--dev", "/dev"),
        *("--bind", str(stand_in), str(DEVICE)),
    ]


def _container(socket_path: Path) -> list[str]:
    return [
        *(_bwrap(), "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/"),
        *("--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run"),
        *("--bind", str(socket_path), "/run/teed.sock"),
    ]


def _bwrap() -> str:
    bwrap = shutil.which("bwrap")
    assert bwrap, "bubblewrap is not installed"
    return bwrap


def _client(container: list[str], path: Path | str) -> Any:
    """Run the client: its answer, the driver's name, and the TEE devices that it sees."""
    modules = [place for place in sys.path if place]
    done = subprocess.run(
        [*container, sys.executable, "-c", CLIENT, str(path)],
        env={"PYTHONPATH": ":".join(modules), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
