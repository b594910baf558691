"""A client in a container that has the socket and no device does its work."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from .applications import TEED_TEST

CLIENT = f"""
import json, os, sys
from teed_client import Context, Direction, Value

with Context(sys.argv[1]) as context, context.open_session("{TEED_TEST}") as session:
    value = Value(41)
    given, out = Value(direction=Direction.INPUT), Value(direction=Direction.OUTPUT)
    session.invoke(1, given, out, value)
    print(json.dumps([value.a, context.driver, sorted(os.listdir("/dev"))]))
"""


def test_a_client_in_a_container_without_the_device(socket_path: Path) -> None:
    bwrap = shutil.which("bwrap")
    assert bwrap, "bubblewrap is not installed"
    container = [
        *(bwrap, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/"),
        *("--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run"),
        *("--bind", str(socket_path), "/run/teed.sock"),
    ]
    modules = [place for place in sys.path if place]
    done = subprocess.run(
        [*container, sys.executable, "-c", CLIENT, "/run/teed.sock"],
        env={"PYTHONPATH": ":".join(modules), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answer, driver, devices = json.loads(done.stdout)
    assert answer == 42
    assert driver in ("emulator", "linux")
    assert not [name for name in devices if name.startswith("tee")]
