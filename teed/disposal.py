"""Closing descriptors where a close that blocks holds up nobody but their sender.

The last close of a descriptor may take as long as its maker likes: a socket that lingers, a
file on a file system that the client itself serves.  So whatever a user sent, and every
socket in which something may still lie that a user sent, is closed by a few threads that are
this user's alone; what else of the user's has to be closed waits behind it.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import trio

from teed.descriptors import close_all
from teed.threads import PATIENCE

log = logging.getLogger(__name__)

THREADS = 4
MOST = 512
"""Descriptors of one user that may wait to be closed before the user gets no further."""


class Disposal:
    """One user's descriptors on their way out."""

    __slots__ = ("_line", "_lock", "_working", "pending")

    def __init__(self) -> None:
        self.pending = 0
        self._line: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._working = 0

    @property
    def is_behind(self) -> bool:
        """Whether so much waits that its user should wait too."""
        return self.pending > MOST

    async def close(self, fds: Sequence[int]) -> None:
        """Close these; who waits may be cancelled, and they are closed all the same."""
        token = trio.lowlevel.current_trio_token()
        done = trio.Event()

        def close() -> None:
            close_all(fds)
            with self._lock:
                self.pending -= len(fds)
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(done.set)

        with self._lock:
            self.pending += len(fds)
            self._line.append(close)
        while not done.is_set():
            if self._is_seen_to():
                await done.wait()
            else:
                await trio.sleep(PATIENCE)

    def _is_seen_to(self) -> bool:
        """Have a thread come to what waits, within the limit; False when there is none."""
        with self._lock:
            if not self._line or self._working == THREADS:
                return True
            try:
                trio.lowlevel.start_thread_soon(
                    self._close_in_turn, lambda end: end.unwrap(), "teed-disposal"
                )
            except RuntimeError as why:
                log.warning("descriptors stay open for now: %s", why)
                return self._working > 0
            self._working += 1
            return True

    def _close_in_turn(self) -> None:
        while True:
            with self._lock:
                if not self._line:
                    self._working -= 1
                    return
                close = self._line.popleft()
            close()
