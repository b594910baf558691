"""Closing descriptors where a close that blocks holds nobody up.

The last close of a descriptor may take as long as its maker likes: a socket that lingers, a
file on a file system that the client itself serves.  So whatever a client sent, and every
socket in which something may still lie that it sent, is closed on another thread.

A thread for each would be a thousand when as many clients end at once, so a few take all in
turn; whoever waits for longer than closes ever take, because these few are held up, gets
one more.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import trio

log = logging.getLogger(__name__)

THREADS = 4
PATIENCE = 0.1

_line: deque[Callable[[], None]] = deque()
_lock = threading.Lock()
_working = 0


async def close_elsewhere(fds: Sequence[int]) -> None:
    """Close these; who waits may be cancelled, and they are closed all the same."""
    token = trio.lowlevel.current_trio_token()
    done = trio.Event()

    def close() -> None:
        close_all(fds)
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(done.set)

    with _lock:
        _line.append(close)
        wanted = _working < THREADS
    if wanted:
        _send_a_thread()
    while not done.is_set():
        with trio.move_on_after(PATIENCE):
            await done.wait()
        if close in _line:
            _send_a_thread()


def close_all(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)


def _send_a_thread() -> None:
    """One of those that trio keeps, without its limit on their number."""
    global _working
    with _lock:
        _working += 1
    try:
        trio.lowlevel.start_thread_soon(
            _close_in_turn, lambda end: end.unwrap(), "teed-disposal"
        )
    except RuntimeError as why:  # the system has none left; who waits asks again
        log.warning("descriptors stay open for now: %s", why)
        with _lock:
            _working -= 1


def _close_in_turn() -> None:
    global _working
    while True:
        with _lock:
            if not _line:
                _working -= 1
                return
            close = _line.popleft()
        close()
