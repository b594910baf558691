"""Cancellation, from another thread than the one that calls."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .building import Build, finish
from .teed import Daemon

if TYPE_CHECKING:
    import subprocess


@pytest.mark.parametrize("case", ["before", "before-opening"])
def test_what_is_cancelled_before_it_begins_never_reaches_the_tee(
    build: Build, socket_path: Path, case: str
) -> None:
    build.run("cancel", case, socket=socket_path)


def test_a_cancellation_that_comes_too_late_does_nothing(
    build: Build, socket_path: Path
) -> None:
    build.run("cancel", "after", socket=socket_path)


@pytest.mark.parametrize("case", ["running", "waiting"])
def test_a_call_inside_the_tee_and_one_behind_it_are_cancelled(
    build: Build, daemon: Daemon, case: str
) -> None:
    with build.start("cancel", case, socket=daemon.socket) as process:
        wait_until_one_runs(process, daemon)
        finish(process, "\n")


def test_a_cancellation_at_any_moment_hits_its_own_call_only(
    build: Build, socket_path: Path
) -> None:
    build.run("cancel", "race", socket=socket_path)


@pytest.mark.parametrize("flavour", ["plain", "memory"])
def test_a_thread_that_is_cancelled_ends_its_call_first(
    builds: dict[str, Build], socket_path: Path, flavour: str
) -> None:
    builds[flavour].run("cancel", "thread-cancelled", socket=socket_path)


def test_an_opening_is_cancelled_or_succeeds_and_is_overtaken(
    build: Build, socket_path: Path
) -> None:
    build.run("cancel", "opening", socket=socket_path)


def test_a_cancellation_may_still_be_under_way_when_its_context_is_finalized(
    build: Build, socket_path: Path
) -> None:
    build.run("cancel", "teardown", socket=socket_path)


def wait_until_one_runs(process: "subprocess.Popen[str]", daemon: Daemon) -> None:
    """Until the program has started its call, and the daemon has taken it up."""
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    daemon.wait_until(lambda counts: counts["invocations"] > 0)
