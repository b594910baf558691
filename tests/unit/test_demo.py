"""The demo of the README does what it shows, by itself, and fails loudly where it cannot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


def _demo(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DEMO)],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_demo_encrypts_a_file_and_leaves_nothing(tmp_path: Path) -> None:
    done = _demo(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    changed = "4,200,000 bytes changed in place, in memory shared with the TEE"
    for line in (
        ["encrypt", changed],
        ["decrypt", changed],
        ["compare", "what came back is what went in"],
        ["afterwards", "left in the daemon: 0 sessions, 0 buffers"],
    ):
        assert line in lines


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up its rights")
def test_the_client_of_the_demo_has_no_rights(tmp_path: Path) -> None:
    lines = _demo(tmp_path).stdout.splitlines()
    (client,) = [line for line in lines if line.startswith("  client ")]
    assert ", user nobody, " in client
    assert client.endswith(("no /dev/tee0 here", "cannot open /dev/tee0"))


def test_a_daemon_that_does_not_start_is_the_end_of_it(tmp_path: Path) -> None:
    impostor = tmp_path / "teed"
    impostor.mkdir()
    (impostor / "__init__.py").touch()
    (impostor / "__main__.py").write_text("raise SystemExit('cannot start today')")
    done = _demo(tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("teed did not start:")
    assert "cannot start today" in done.stderr
