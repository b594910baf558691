"""The secure threads: how many calls can be inside the TEE at a time."""

import threading
from types import TracebackType


class SecureThreads:
    """A fixed number of threads; who finds none free waits outside.

    Python's semaphore would do, but a test has to know that a call is inside, or that it
    waits for a thread, before it goes on to the next thing.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._taken = 0
        self._waiting = 0
        lock = threading.Lock()
        self._freed = threading.Condition(lock)
        self._changed = threading.Condition(lock)

    def __enter__(self) -> None:
        with self._freed:
            self._waiting += 1
            self._changed.notify_all()
            while self._taken == self._number:
                self._freed.wait()
            self._waiting -= 1
            self._taken += 1
            self._changed.notify_all()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._freed:
            self._taken -= 1
            self._freed.notify()
            self._changed.notify_all()

    def wait_until(self, taken: int, waiting: int = 0, timeout: float = 10) -> bool:
        """Wait until so many threads are taken and so many calls wait for one, for tests.

        False when *timeout* seconds were not enough.
        """
        with self._changed:
            return self._changed.wait_for(
                lambda: (self._taken, self._waiting) == (taken, waiting), timeout
            )
