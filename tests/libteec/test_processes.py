"""What becomes of a context when its process forks, and when the daemon dies."""

from pathlib import Path

import pytest

from .building import Build, finish
from .teed import Daemon

REFUSAL = "after fork(), a child makes contexts and sessions of its own"


def test_a_child_is_refused_what_its_parent_made_and_makes_its_own(
    build: Build, socket_path: Path
) -> None:
    with build.start("fork", "quietly", socket=socket_path) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors.count(REFUSAL) == 1


@pytest.mark.parametrize("flavour", ["plain", "memory"])
def test_forks_in_the_middle_of_calls_disturb_nobody(
    builds: dict[str, Build], socket_path: Path, flavour: str
) -> None:
    builds[flavour].run("fork", "storm", socket=socket_path)


@pytest.mark.parametrize("flavour", ["plain", "memory"])
def test_a_child_that_no_handler_tells_is_refused_as_well(
    builds: dict[str, Build], socket_path: Path, flavour: str
) -> None:
    builds[flavour].run("fork", "barely", socket=socket_path)


def test_such_a_child_waits_for_no_lock_of_its_parents(plain: Build, socket_path: Path) -> None:
    plain.run("fork", "bare-storm", socket=socket_path)


def test_a_child_has_no_descriptor_of_what_is_made_beside_its_fork(
    plain: Build, socket_path: Path
) -> None:
    plain.run("fork", "beside", socket=socket_path)


def test_a_child_that_outlives_its_parent_keeps_nothing_of_its_open(
    plain: Build, daemon: Daemon
) -> None:
    with plain.start("fork", "orphan", socket=daemon.socket) as process:
        assert process.wait(timeout=30) == 0
        daemon.wait_until(lambda counts: counts["total_sessions"] == 0)
        assert process.stdin is not None
        process.stdin.close()


def test_when_the_daemon_dies_every_call_ends_and_a_new_context_begins_anew(
    build: Build, tmp_path: Path
) -> None:
    with Daemon(tmp_path) as first, build.start("killed", socket=first.socket) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        first.wait_until(lambda counts: counts["invocations"] > 0)
        first.kill()
        assert process.stdout.readline() == "over\n"
        first.socket.unlink()
        with Daemon(tmp_path):
            finish(process, "\n")
