"""Signals in the midst of calls."""

from pathlib import Path

from .building import Build


def test_a_call_that_is_interrupted_goes_on(build: Build, socket_path: Path) -> None:
    build.run("signals", socket=socket_path)
