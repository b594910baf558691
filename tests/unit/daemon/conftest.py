"""What the daemon's tests share."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from teed.config import Config, parse
from teed.driver.emulator import Emulator

from .fakes import FakeDriver
from .house import House, street
from .raw import RawClient, Witness

Serve = Callable[..., Awaitable[House]]


@pytest.fixture
def driver() -> Iterator[FakeDriver]:
    """A TEE that does what the test tells it; what it still holds at the end is let go."""
    fake = FakeDriver()
    yield fake
    fake.let_go()
    for memory in fake.memories.values():
        memory.close()


@pytest.fixture
async def serve(driver: FakeDriver, tmp_path: Path) -> AsyncIterator[Serve]:
    """Starts a daemon with these tables of configuration; it must leave nothing behind."""
    async with street(tmp_path, driver.let_go) as serve_with:
        yield lambda **tables: serve_with(driver, parse(tables))
    assert driver.sessions == set()
    assert driver.memories == {}


@pytest.fixture
async def house(serve: Serve) -> House:
    """A daemon with the fake TEE, one worker, and the default configuration."""
    return await serve()


@pytest.fixture
async def client(house: House) -> RawClient:
    return await house.client()


@pytest.fixture
async def other(house: House) -> RawClient:
    return await house.client()


@pytest.fixture
async def emulated(tmp_path: Path) -> AsyncIterator[House]:
    """A daemon with the emulated TEE."""
    emulator = Emulator()
    async with street(tmp_path, lambda: None) as serve_with:
        yield await serve_with(emulator, Config())
    assert emulator.open_sessions == frozenset()
    assert emulator.shared_memories == 0
    emulator.close()


@pytest.fixture
def witness() -> Iterator[Witness]:
    made = Witness()
    yield made
    made.close()
