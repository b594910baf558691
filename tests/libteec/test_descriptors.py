"""Descriptors: none leaks, none survives exec, and memory is handed over by them."""

from pathlib import Path

import pytest

from .building import Build, finish
from .teed import Daemon


def test_a_context_has_one_descriptor_and_a_session_one_more(
    build: Build, socket_path: Path
) -> None:
    build.run("descriptors", "counted", socket=socket_path)


def test_a_sealed_memfd_is_shared_as_it_is(build: Build, socket_path: Path) -> None:
    build.run("descriptors", "handed-over", socket=socket_path)


def test_a_memfd_that_could_shrink_is_refused(plain: Build, socket_path: Path) -> None:
    plain.run("descriptors", "badly-sealed", socket=socket_path)


def test_memory_is_good_in_its_own_context_only(plain: Build, socket_path: Path) -> None:
    plain.run("descriptors", "foreign", socket=socket_path)


@pytest.mark.parametrize("flavour", ["plain", "threads"])
def test_without_a_free_descriptor_nothing_is_left_behind(
    builds: dict[str, Build], socket_path: Path, flavour: str
) -> None:
    builds[flavour].run("descriptors", "exhausted", socket=socket_path)


def test_what_is_left_open_ends_with_its_context(build: Build, socket_path: Path) -> None:
    build.run("descriptors", "left-open", socket=socket_path)


def test_calls_under_way_end_when_their_context_is_finalized(
    build: Build, daemon: Daemon
) -> None:
    with build.start("descriptors", "left-busy", socket=daemon.socket) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        daemon.wait_until(lambda counts: counts["invocations"] > 0)
        finish(process, "\n")
        daemon.wait_until(lambda counts: counts["total_sessions"] == 0)


def test_an_invocation_is_one_send_and_one_receive_and_no_allocation(
    plain: Build, socket_path: Path
) -> None:
    plain.run("path", socket=socket_path)
