"""Faults on request, for tests: the next calls fail in the way that a test has asked for."""

import os
import threading
from collections import deque
from typing import Literal, NamedTuple

from teed_protocol.codes import Origin, Result

Call = Literal["allocate", "register", "open_session", "invoke", "cancel", "close_session"]
Entry = Literal["open_session", "invoke"]


class Refusal(NamedTuple):
    """The driver refuses the call with an errno."""

    errno: int


class Forced(NamedTuple):
    """The TEE gives this answer, and the application never sees the call."""

    result: int
    origin: int


PANICKED = Forced(Result.ERROR_TARGET_DEAD, Origin.TEE)
"""The answer of an application that dies of the call."""


class Faults:
    """What is still to go wrong, first asked for first; each call takes one fault away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Refusal | Forced]] = {}

    def refuse(self, call: Call, errno: int, times: int = 1) -> None:
        """The next *times* of *call* raise OSError with this errno."""
        self._add(call, Refusal(errno), times)

    def answer(self, call: Entry, result: int, origin: int, times: int = 1) -> None:
        """The next *times* of *call* have this answer."""
        self._add(call, Forced(result, origin), times)

    def panic(self) -> None:
        """The next command kills the instance that it is for."""
        self._add("invoke", PANICKED, 1)

    def strike(self, call: Call) -> Forced | None:
        """Take the fault that is due for this call, if there is one."""
        with self._lock:
            waiting = self._waiting.get(call)
            due = waiting.popleft() if waiting else None
        if isinstance(due, Refusal):
            raise OSError(due.errno, os.strerror(due.errno))
        return due

    def _add(self, call: Call, fault: Refusal | Forced, times: int) -> None:
        with self._lock:
            self._waiting.setdefault(call, deque()).extend([fault] * times)
