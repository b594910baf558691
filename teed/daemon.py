"""The daemon's parts, put together: driver, crew, sessions, stock and accounts."""

from dataclasses import dataclass

import trio

from teed.accounts import Accounts
from teed.channels.crew import Crew
from teed.config import Config
from teed.driver.interface import Driver
from teed.memory.stock import Stock
from teed.sessions import Sessions


@dataclass(frozen=True, slots=True, eq=False)
class Daemon:
    """What every client's requests are served with.

    Work that must end well whatever its client does runs in ``nursery``, which outlives
    every connection.
    """

    config: Config
    driver: Driver
    crew: Crew
    sessions: Sessions
    stock: Stock
    accounts: Accounts
    admin_group: int | None
    nursery: trio.Nursery
