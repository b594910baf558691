"""Clients in processes of their own, forked so that a hundred of them start quickly."""

import os
import pickle
import signal
from collections.abc import Callable
from typing import Any


class Child:
    """A forked process that runs *work* with a function to report with.

    What it reports comes out of ``next()``, in order; its end is awaited by ``wait()``.
    """

    def __init__(self, work: Callable[[Callable[[Any], None]], None]) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(reading)
            self._run(work, writing)
        os.close(writing)
        self._reports = os.fdopen(reading, "rb")

    def next(self) -> Any:
        """The next report; EOFError when the process has ended without another."""
        return pickle.load(self._reports)

    def kill(self) -> None:
        """End it at once, as the kernel would; it cannot clean up."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Wait for its end: the exit status, or minus the signal that ended it."""
        _, status = os.waitpid(self.pid, 0)
        self._reports.close()
        return os.waitstatus_to_exitcode(status)

    @staticmethod
    def _run(work: Callable[[Callable[[Any], None]], None], writing: int) -> None:
        """The child's whole life; it never returns into the test that forked it."""
        status = 1
        try:
            with os.fdopen(writing, "wb", buffering=0) as out:
                work(lambda report: out.write(pickle.dumps(report)) and None)
            status = 0
        finally:
            os._exit(status)
