"""The server: a socket, a task for each client, and an orderly start and end."""

import errno
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable

import trio

from teed import descriptors, systemd
from teed.accounts import Accounts
from teed.channels.crew import Crew
from teed.config import Config
from teed.control import connection
from teed.daemon import Daemon
from teed.driver.interface import Driver
from teed.memory.stock import Stock
from teed.sessions import Sessions

log = logging.getLogger(__name__)

GRACE_SECONDS = 5
"""What still runs in the TEE when teed stops is cancelled, and waited for so long."""

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_FULL = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


async def run(
    config: Config,
    driver: Driver,
    listener: socket.socket,
    on_ready: Callable[[Daemon], None] = lambda daemon: None,
) -> None:
    """Serve until cancelled, or told to stop by a signal.  The driver stays open."""
    token = trio.lowlevel.current_trio_token()
    crashes: list[BaseException] = []
    scope = trio.CancelScope()

    def on_crash(bug: BaseException) -> None:
        crashes.append(bug)
        token.run_sync_soon(scope.cancel)

    crew = Crew(driver, config.tee.crew, on_crash, config.tee.spare)
    crew.start()
    try:
        with scope, trio.open_signal_receiver(*STOPPING) as signals:
            async with trio.open_nursery() as hearing:
                hearing.start_soon(crew.listen)
                async with trio.open_nursery() as nursery:
                    daemon = _assemble(config, driver, crew, nursery)
                    await _serve_all(daemon, listener, signals, on_ready)
                    # What the clients leave behind is still being cleared away in here.
                hearing.cancel_scope.cancel()
    finally:
        if not crew.stop(timeout=1):
            log.error("a call is still inside the TEE; it ends with its session")
    if crashes:
        raise crashes[0]


def _assemble(config: Config, driver: Driver, crew: Crew, nursery: trio.Nursery) -> Daemon:
    sessions = Sessions(driver, crew, nursery)
    stock = Stock(driver, config.stock.by_size())
    accounts = Accounts(config.limits)
    admins = config.access.admin_gid()
    return Daemon(config, driver, crew, sessions, stock, accounts, admins, nursery)


async def _serve_all(
    daemon: Daemon,
    listener: socket.socket,
    signals: AsyncIterator[int],
    on_ready: Callable[[Daemon], None],
) -> None:
    async with trio.open_nursery() as clients:
        clients.start_soon(daemon.stock.keep_filled)
        clients.start_soon(_stop_on_signal, signals, daemon, clients.cancel_scope)
        on_ready(daemon)
        systemd.notify("READY=1")
        await _accept(daemon, listener, clients)


async def _accept(daemon: Daemon, listener: socket.socket, clients: trio.Nursery) -> None:
    listener.setblocking(False)
    while True:
        await trio.lowlevel.wait_readable(listener)
        try:
            if descriptors.are_short():
                raise OSError(errno.EMFILE, "too few descriptors are left")
            stream, _ = listener.accept()
        except BlockingIOError:
            continue  # who was there is gone
        except OSError as why:
            if why.errno not in _FULL:
                raise
            log.error("no client can be accepted for now: %s", why.strerror)
            await trio.sleep(0.1)
            continue
        clients.start_soon(connection.serve, daemon, stream)


async def _stop_on_signal(
    signals: AsyncIterator[int], daemon: Daemon, clients: trio.CancelScope
) -> None:
    number = await anext(signals)
    log.info("%s: stopping", signal.Signals(number).name)
    systemd.notify("STOPPING=1")
    # Clients too may have to wait for the TEE, so the time runs from here.
    daemon.nursery.cancel_scope.deadline = trio.current_time() + GRACE_SECONDS
    clients.cancel()
