"""teectl tells a person how teed is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from teed_client import Context
from teed_client.teectl import main


def test_status_counts_what_is_there(
    socket_path: Path, context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    with context.allocate(4096):
        assert main(["--socket", str(socket_path), "status"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["driver", context.driver] in lines
    assert ["buffers", "1", "1"] in lines
    assert ["bytes", "4,096", "4,096"] in lines


def test_a_daemon_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--socket", str(tmp_path / "nobody"), "status"]) == 1
    assert str(tmp_path / "nobody") in capsys.readouterr().err


def test_who_closes_the_pipe_has_heard_enough(socket_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "teed_client.teectl", "--socket", socket_path, "status"],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
