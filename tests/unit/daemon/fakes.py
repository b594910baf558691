"""A TEE that does what a test tells it, and counts what it is asked for."""

import os
import queue
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import trio

from teed.driver.interface import Answer, Opening, SharedMemory, Version
from teed.memory.memfd import make_memfd, whole_pages
from teed_protocol.codes import Capability, Origin
from teed_protocol.fields import Parameters

PATIENCE = 10
"""Seconds after which a test has failed."""

OnOpen = Callable[[Opening], Answer | None]
OnInvoke = Callable[[int, int, Parameters], Answer | None]


class Held:
    """A call that is inside the TEE until the test lets it go."""

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name = name
        self.arguments = arguments
        self._outcome: Answer | BaseException | None = None
        self._go = threading.Event()

    def finish(self, outcome: Answer | BaseException | None = None) -> None:
        """Let it return what it would, or *outcome* instead."""
        self._outcome = outcome
        self._go.set()

    def wait(self) -> Answer | None:
        assert self._go.wait(PATIENCE), f"nobody finished {self.name}{self.arguments}"
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome


class FakeMemory:
    """Shared memory that notices when it is closed twice."""

    def __init__(self, driver: "FakeDriver", number: int, size: int, fd: int) -> None:
        self.id = number
        self.size = size
        self.fd = fd
        self._driver = driver

    def close(self) -> None:
        self._driver.forget(self.id)
        os.close(self.fd)


class FakeDriver:
    """A driver whose calls can be held, and whose answers can be chosen."""

    name = "fake"
    native = None

    def __init__(self, *, register: bool = True, null: bool = True) -> None:
        caps = Capability.GP
        caps |= Capability.REG_MEM if register else 0
        caps |= Capability.MEMREF_NULL if null else 0
        self.version = Version(impl_id=7, impl_caps=0, gen_caps=caps)
        self.calls: list[tuple[Any, ...]] = []
        self.sessions: set[int] = set()
        self.most_in_a_session = 0
        self.unmappable = False
        self.on_open: OnOpen = lambda opening: None
        self.on_invoke: OnInvoke = lambda *call: None
        self.fail: dict[str, BaseException] = {}
        self._lock = threading.Lock()
        self._memories: dict[int, FakeMemory] = {}
        self._numbers = iter(range(100, 2**31))
        self._in_session: Counter[int] = Counter()
        self._holding: set[str] = set()
        self._entered: queue.SimpleQueue[Held] = queue.SimpleQueue()
        self._held: list[Held] = []

    # -- for the test ----------------------------------------------------------------------

    def hold(self, *names: str) -> None:
        """From now on these calls wait inside for the test to finish them."""
        self._holding |= set(names)

    def let_go(self) -> None:
        """Hold nothing any more."""
        self._holding.clear()
        for held in self._held:
            held.finish()

    def next_held(self) -> Held:
        """The next call that is held inside; for tests without an event loop."""
        return self._entered.get(timeout=PATIENCE)

    async def entered(self) -> Held:
        return await trio.to_thread.run_sync(self.next_held)

    def called(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of every call with this name, in their order."""
        return [arguments for called, *arguments in self.calls if called == name]

    @property
    def memories(self) -> dict[int, FakeMemory]:
        """What there is at this moment; other threads go on making and closing."""
        return self._memories.copy()

    def forget(self, number: int) -> None:
        del self._memories[number]

    # -- the interface of a driver ---------------------------------------------------------

    def allocate(self, size: int) -> SharedMemory:
        self._call("allocate", size)
        if self.unmappable:
            return self._memory(size, os.open("/dev/null", os.O_RDWR))
        return self._memory(whole_pages(size), make_memfd(whole_pages(size)))

    def register(self, memfd: int, size: int) -> SharedMemory:
        try:
            self._call("register", memfd, size)
        except BaseException:
            os.close(memfd)
            raise
        return self._memory(size, memfd)

    def open_session(self, opening: Opening) -> Answer:
        forced = self._call("open_session", opening) or self.on_open(opening)
        if forced is not None and (forced.result or forced.session):
            return forced
        number = next(self._numbers)
        self.sessions.add(number)
        return Answer(0, Origin.TRUSTED_APP, opening.parameters, number)

    def invoke(
        self, session: int, command: int, parameters: Parameters, cancel_id: int
    ) -> Answer:
        assert session in self.sessions, f"session {session} is not open"
        with self._lock:
            self._in_session[session] += 1
            self.most_in_a_session = max(self.most_in_a_session, *self._in_session.values())
        try:
            forced = self._call("invoke", session, command, parameters, cancel_id)
            forced = forced or self.on_invoke(session, command, parameters)
        finally:
            with self._lock:
                self._in_session[session] -= 1
        return forced or Answer(0, Origin.TRUSTED_APP, parameters)

    def cancel(self, session: int, cancel_id: int) -> None:
        assert session in self.sessions, f"session {session} is not open"
        self._call("cancel", session, cancel_id)

    def close_session(self, session: int) -> None:
        assert not self._in_session[session], f"a call is still in session {session}"
        self.sessions.remove(session)
        self._call("close_session", session)

    def close(self) -> None:
        self._call("close")

    def _call(self, name: str, *arguments: Any) -> Answer | None:
        with self._lock:
            self.calls.append((name, *arguments))
            held = Held(name, arguments) if name in self._holding else None
            if held is not None:
                self._held.append(held)
        if name in self.fail:
            raise self.fail[name]
        if held is None:
            return None
        self._entered.put(held)
        return held.wait()

    def _memory(self, size: int, fd: int) -> FakeMemory:
        number = next(self._numbers)
        memory = self._memories[number] = FakeMemory(self, number, size, fd)
        return memory
