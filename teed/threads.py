"""Calls that take long, on threads of trio's."""

import logging
from collections.abc import Callable
from typing import TypeVar

import trio

from teed_protocol.codes import Origin, Result
from teed_protocol.errors import TeeError

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 0.1
"""Seconds until a thread is asked for again, when the system had none."""


class NoThread(TeeError):
    """The system has no thread left; what was asked for was not begun."""

    def __init__(self) -> None:
        text = "the system has no thread left for teed"
        super().__init__(Result.ERROR_OUT_OF_MEMORY, Origin.COMMS, "limit", text)


async def run(
    call: Callable[..., T], *arguments: object, limiter: trio.CapacityLimiter | None = None
) -> T:
    """Like trio.to_thread.run_sync(); NoThread when the system has none left."""
    started = False

    def begin() -> T:
        nonlocal started
        started = True
        return call(*arguments)

    try:
        return await trio.to_thread.run_sync(begin, limiter=limiter)
    except RuntimeError as why:
        if started:
            raise
        raise NoThread from why


async def run_in_the_end(call: Callable[[], object]) -> None:
    """The same for what has to be done whatever happens, as soon as there is a thread."""
    with trio.CancelScope(shield=True):
        while True:
            try:
                await run(call)
                return
            except NoThread as why:
                log.warning("what has to be cleared away waits: %s", why.text)
                await trio.sleep(PATIENCE)
