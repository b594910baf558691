"""Builds of the C library and of the programs that use it, and a daemon for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .building import FLAVOURS, Build
from .teed import Daemon


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Build]:
    """One build of the library for each flavour, made when it is first used."""
    return {name: Build(name, tmp_path_factory.mktemp(name)) for name in FLAVOURS}


@pytest.fixture(params=FLAVOURS)
def build(request: pytest.FixtureRequest, builds: dict[str, Build]) -> Build:
    """Each flavour in turn: as it is shipped, and with gcc's sanitizers."""
    return builds[request.param]


@pytest.fixture
def plain(builds: dict[str, Build]) -> Build:
    """The library as it is shipped."""
    return builds["plain"]


@pytest.fixture(scope="session")
def socket_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a daemon on the emulator listens, as long as the tests run."""
    with Daemon(tmp_path_factory.mktemp("teed")) as daemon:
        yield daemon.socket


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon for one test, which may be killed."""
    with Daemon(tmp_path) as daemon:
        yield daemon
