"""A whole daemon in the test's own process, and clients of it."""

import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from teed import server
from teed.accounts import NAMES
from teed.config import Config
from teed.daemon import Daemon
from teed.driver.interface import Driver

from .bench import workers
from .fakes import PATIENCE
from .raw import RawClient


class House:
    """A daemon that serves, and the clients that a test has made."""

    def __init__(self, path: Path) -> None:
        self.daemon: Daemon
        self.ready = trio.Event()
        self.gone = trio.Event()
        self._path = str(path)
        self._clients: list[RawClient] = []

    async def connect(self) -> RawClient:
        """A client that has not said hello."""
        connection = trio.socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        await connection.connect(self._path)
        self._clients.append(RawClient(connection))
        return self._clients[-1]

    def hasty(self, body: bytes) -> RawClient:
        """A client that has sent this before teed knows of it."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.connect(self._path)
        connection.send(body)
        self._clients.append(RawClient(trio.socket.from_stdlib_socket(connection)))
        return self._clients[-1]

    async def client(self) -> RawClient:
        client = await self.connect()
        await client.hello()
        return client

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the daemon work until it is so."""
        with trio.fail_after(PATIENCE):
            while not condition():
                await trio.to_thread.run_sync(os.sched_yield)

    async def empty(self) -> None:
        """Wait until nobody has anything any more."""
        await self.until(lambda: not any(map(self.daemon.accounts.total, NAMES)))

    async def stop(self) -> None:
        """Stop as systemd stops a service."""
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL, "the daemon has crashed"
        signal.raise_signal(signal.SIGTERM)
        with trio.fail_after(PATIENCE):
            await self.gone.wait()

    def close_clients(self) -> None:
        for client in self._clients:
            client.close()

    def _on_ready(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.ready.set()

    async def run(self, config: Config, driver: Driver) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(self._path)
        listener.listen(512)
        try:
            with listener:
                await server.run(config, driver, listener, self._on_ready)
        finally:
            os.unlink(self._path)
            self.gone.set()


Serve = Callable[[Driver, Config], Awaitable[House]]


@asynccontextmanager
async def street(folder: Path, before_stop: Callable[[], None]) -> AsyncIterator[Serve]:
    """Where daemons can be started; they must leave no descriptor and no thread behind."""
    before = descriptors()
    houses: list[House] = []
    async with trio.open_nursery() as nursery:

        async def serve(driver: Driver, config: Config) -> House:
            house = House(folder / f"teed{len(houses)}.sock")
            nursery.start_soon(house.run, config, driver)
            await house.ready.wait()
            houses.append(house)
            return house

        yield serve
        for house in houses:
            house.close_clients()
            before_stop()
            if not house.gone.is_set():
                await house.stop()
    assert workers() == 0
    assert descriptors() - before == set()


def descriptors() -> set[str]:
    """What this process has open; what an earlier test forgot may go at any time."""
    return {
        f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}"
        for fd in os.listdir("/proc/self/fd")
        if os.path.lexists(f"/proc/self/fd/{fd}")
    }
