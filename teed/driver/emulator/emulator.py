"""The driver's half of the emulator: what Linux checks before the TEE hears of a call."""

import errno
import logging
import os
import threading
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from teed.driver.emulator.application import TrustedApplication
from teed.driver.emulator.applications import EXAMPLES
from teed.driver.emulator.arguments import Arguments, arguments
from teed.driver.emulator.faults import PANICKED, Call, Faults, Forced
from teed.driver.emulator.identity import identify
from teed.driver.emulator.memory import Memory, MemoryTable, closed_on_error
from teed.driver.emulator.secure_world import SecureWorld
from teed.driver.emulator.storage import State
from teed.driver.emulator.threads import SecureThreads
from teed.driver.interface import Answer, Opening, Version
from teed_protocol.codes import MAX_PARAMETERS, Capability
from teed_protocol.fields import Parameters

log = logging.getLogger(__name__)

ENOTSUPP = 524
"""The kernel's own errno for an operation that a TEE driver does not have."""


@dataclass(frozen=True)
class Options:
    """Which TEE to be; the numbers are those of OP-TEE 4.5 in QEMU.

    ``state`` is the directory for what applications store; None: it ends with the emulator.
    """

    secure_threads: int = 2
    max_sessions: int = 50
    register: bool = True
    memref_null: bool = True
    state: Path | None = None
    applications: Collection[type[TrustedApplication]] = EXAMPLES


class Emulator:
    """A TEE context in this process.  It protects nothing.

    For tests: ``faults`` makes the next calls fail, ``threads`` tells what is inside.
    """

    name = "emulator"
    native = None

    def __init__(self, options: Options = Options()) -> None:
        log.warning("this is an emulated TEE: it protects nothing, use it for tests only")
        self.version = _version(options)
        self.faults = Faults()
        self.threads = SecureThreads(options.secure_threads)
        self._memory = MemoryTable()
        self._state = State(options.state)
        self._world = SecureWorld(
            options.applications, self.threads, options.max_sessions, self._state
        )
        self._lock = threading.Lock()
        self._sessions: set[int] = set()
        self._calls = 0
        self._closed = False

    @property
    def open_sessions(self) -> frozenset[int]:
        """The sessions that are open, for tests."""
        with self._lock:
            return frozenset(self._sessions)

    @property
    def shared_memories(self) -> int:
        """How many pieces of shared memory there are, for tests."""
        return len(self._memory)

    def allocate(self, size: int) -> Memory:
        """Memory of whole pages; OSError is EINVAL for no bytes, ENOMEM for too many."""
        with self._call("allocate"):
            return self._memory.allocate(size)

    def register(self, memfd: int, size: int) -> Memory:
        """Take a memfd; OSError is ENOTSUPP where the TEE cannot register memory."""
        with closed_on_error(memfd), self._call("register"):
            if not self.version.gen_caps & Capability.REG_MEM:
                raise _error(ENOTSUPP)
            return self._memory.register(memfd, size)

    def open_session(self, opening: Opening) -> Answer:
        """Open a session.  The order of the checks is the kernel's."""
        uuid = UUID(bytes=opening.uuid)
        with self._call("open_session") as forced:
            if len(opening.parameters) > MAX_PARAMETERS:
                raise _error(errno.EINVAL)
            with self._arguments(opening.parameters) as seen:
                identity = identify(opening)
                if forced:
                    return Answer(*forced, seen.returned)
                answer = self._world.open(uuid, identity, seen)
            if answer.session:
                with self._lock:
                    self._sessions.add(answer.session)
        return answer

    def invoke(
        self, session: int, command: int, parameters: Parameters, cancel_id: int
    ) -> Answer:
        """Run a command; OSError is EINVAL for a session that is not ours, or closed."""
        with self._call("invoke") as forced, self._arguments(parameters) as seen:
            self._check(session)
            if forced == PANICKED:
                self._world.kill(session)
            elif forced:
                return Answer(*forced, seen.returned)
            return self._world.invoke(session, command, seen)

    def cancel(self, session: int, cancel_id: int) -> None:
        """Cancel what runs in *session*, whichever it is: OP-TEE ignores the cancel_id."""
        with self._call("cancel"):
            self._check(session)
            self._world.cancel(session)

    def close_session(self, session: int) -> None:
        """Nobody can use the session from now on; return when it is closed."""
        with self._call("close_session"):
            with self._lock:
                if session not in self._sessions:
                    raise _error(errno.EINVAL)
                self._sessions.remove(session)
            self._world.close(session)

    def close(self) -> None:
        """Close all; while calls are under way, the last of them does it as it returns."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            idle = not self._calls
        if idle:
            self._release()

    def _release(self) -> None:
        for session in sorted(self._sessions):
            self._world.close(session)
        self._sessions.clear()
        self._memory.close_all()
        self._state.close()

    @contextmanager
    def _call(self, name: Call) -> Iterator[Forced | None]:
        """One call into the driver, which keeps the context open until it returns."""
        with self._lock:
            if self._closed:
                raise _error(errno.EBADF)
            self._calls += 1
        try:
            yield self.faults.strike(name)
        finally:
            with self._lock:
                self._calls -= 1
                last = self._closed and not self._calls
            if last:
                self._release()

    def _arguments(self, given: Parameters) -> AbstractContextManager[Arguments]:
        null = bool(self.version.gen_caps & Capability.MEMREF_NULL)
        return arguments(given, self._memory, null)

    def _check(self, session: int) -> None:
        with self._lock:
            if session not in self._sessions:
                raise _error(errno.EINVAL)


def _version(options: Options) -> Version:
    """That of OP-TEE: ``TEE_IMPL_ID_OPTEE``, ``TEE_OPTEE_CAP_TZ``."""
    gen_caps = Capability.GP
    if options.register:
        gen_caps |= Capability.REG_MEM
    if options.memref_null:
        gen_caps |= Capability.MEMREF_NULL
    return Version(impl_id=1, impl_caps=1, gen_caps=gen_caps)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
