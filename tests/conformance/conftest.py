"""The daemon under test, a client of it, and the proof that nothing was left behind."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from teed_client import Context, Session

from . import applications, daemon

CONFIGURATION = """
[limits]
sessions = 200
"""

ALLOCATING = """
[tee]
register_memory = false
null_references = false
"""

SETTLE_SECONDS = 60
STOCK = 8  # fresh buffers that the daemon keeps ready, when nobody configures another number
HELD = (
    "total_clients",
    "total_sessions",
    "total_channels",
    "total_buffers",
    "total_bytes",
    "stock_buffers",
    "descriptors",
)

Status = dict[str, int]


@pytest.fixture(scope="session")
def socket_path(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    given = request.config.getoption("--teed-socket")
    if given:
        yield Path(given)
        return
    directory = tmp_path_factory.mktemp("daemon")
    directory.chmod(0o755)
    allocating = ALLOCATING if request.config.getoption("--teed-allocates") else ""
    with daemon.running(directory, CONFIGURATION + allocating) as path:
        yield path


@pytest.fixture(scope="session")
def watcher(socket_path: Path) -> Iterator[Context]:
    """A client that only looks; it lives longer than any test."""
    with Context(socket_path) as context:
        _settle(context, lambda status: status["stock_buffers"] == STOCK)
        yield context


@pytest.fixture
def settled(watcher: Context) -> Callable[[Callable[[Status], bool]], Status]:
    """Ask for the daemon's state until it is as wanted; fail when it never is."""
    return lambda wanted: _settle(watcher, wanted)


def _settle(watcher: Context, wanted: Callable[[Status], bool]) -> Status:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not wanted(status := watcher.status()):
        assert time.monotonic() < deadline, f"it stays at {status}"
    return status


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(
    watcher: Context, settled: Callable[[Callable[[Status], bool]], Status]
) -> Iterator[None]:
    before: Status = {}
    while before != (now := _held(watcher.status())):  # what is on its way out is not held
        before = now
    yield
    settled(lambda status: _held(status) == before)


def _held(status: Status) -> Status:
    return {name: status[name] for name in HELD}


@pytest.fixture
def context(socket_path: Path) -> Iterator[Context]:
    with Context(socket_path) as context:
        yield context


@pytest.fixture
def session(context: Context) -> Iterator[Session]:
    """A session with teed_test, an instance of its own."""
    with context.open_session(applications.TEED_TEST) as session:
        yield session
