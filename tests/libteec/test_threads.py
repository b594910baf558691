"""Many threads on one context."""

from pathlib import Path

import pytest

from .building import Build


@pytest.mark.parametrize("storm", ["sessions", "shared", "memory", "block", "crowd"])
def test_each_thread_of_a_storm_gets_its_own_results(
    build: Build, socket_path: Path, storm: str
) -> None:
    build.run("threads", storm, socket=socket_path)
