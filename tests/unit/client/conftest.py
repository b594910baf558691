"""A fake daemon, and a client of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from teed_client import Context, Session

from .fake_teed import FakeTeed

UUID = "8aaaf200-2450-11e4-abe2-0002a5d5c51b"


@pytest.fixture
def teed(tmp_path: Path) -> Iterator[FakeTeed]:
    fake = FakeTeed(tmp_path / "teed.sock")
    yield fake
    fake.stop()


@pytest.fixture
def context(teed: FakeTeed) -> Iterator[Context]:
    with Context(teed.path, "test") as context:
        yield context


@pytest.fixture
def session(context: Context) -> Iterator[Session]:
    with context.open_session(UUID) as session:
        yield session
