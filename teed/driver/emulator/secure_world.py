"""The secure world: its few threads, its sessions, and the instances behind them.

As OP-TEE does it (``tee_ta_manager.c``): everything that is under way inside, were it only
waiting, holds one of the secure threads.  A session takes one command at a time, the next
waits inside.  All single-instance applications together run one at a time.
"""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from uuid import UUID

from teed.driver.emulator.application import TrustedApplication
from teed.driver.emulator.arguments import Arguments
from teed.driver.emulator.instance import Instance, Refused
from teed.driver.emulator.session import Identity, Session
from teed.driver.emulator.storage import State, TrustedStorage
from teed.driver.emulator.threads import SecureThreads
from teed.driver.interface import Answer
from teed_protocol.codes import Origin, Result


@dataclass(eq=False, slots=True)
class _Place:
    """A session in the secure world's table; who runs in it holds the lock."""

    instance: Instance
    session: Session
    lock: threading.Lock = field(default_factory=threading.Lock)
    closed: bool = False


class SecureWorld:
    """All that happens behind the kernel's driver.  Any thread may enter."""

    def __init__(
        self,
        applications: Collection[type[TrustedApplication]],
        threads: SecureThreads,
        max_sessions: int,
        state: State,
    ) -> None:
        self._applications = {each.uuid: each for each in applications}
        self._threads = threads
        self._max_sessions = max_sessions
        self._state = state
        self._single_instances = threading.Lock()
        self._lock = threading.Lock()
        self._places: dict[int, _Place] = {}
        self._singles: dict[UUID, Instance] = {}

    def open(self, uuid: UUID, identity: Identity, arguments: Arguments) -> Answer:
        """Open a session; its number is in the answer when the result is 0."""
        with self._threads:
            try:
                number, result = self._open(uuid, identity, arguments)
            except Refused as refused:
                return Answer(refused.result, Origin.TEE, arguments.returned)
        return Answer(result, Origin.TRUSTED_APP, arguments.returned, number)

    def invoke(self, number: int, command: int, arguments: Arguments) -> Answer:
        with self._threads:
            try:
                result = self._invoke(number, command, arguments)
            except Refused as refused:
                return Answer(refused.result, Origin.TEE, arguments.returned)
        return Answer(result, Origin.TRUSTED_APP, arguments.returned)

    def cancel(self, number: int) -> None:
        """Ask the session to stop; nobody learns whether there was one."""
        with self._threads, self._lock:
            place = self._places.get(number)
            if place is not None:
                place.session.request_cancellation()

    def close(self, number: int) -> None:
        """Wait for what runs in the session, and end it."""
        with self._threads, self._held(number) as place:
            place.closed = True
            with suppress(Refused), self._turn(place.instance):
                place.instance.close(place.session)
            self._leave(number)

    def kill(self, number: int) -> None:
        """Let the session's instance be dead, as if it had panicked."""
        with self._lock:
            place = self._places.get(number)
            if place is not None:
                place.instance.dead = True

    def _open(self, uuid: UUID, identity: Identity, arguments: Arguments) -> tuple[int, int]:
        number = self._admit(uuid, identity)
        place = self._places[number]
        try:
            with self._turn(place.instance):
                result = place.instance.open(place.session, arguments.seen)
        except BaseException:
            self._leave(number)
            raise
        arguments.take_back()
        if result == Result.SUCCESS:
            return number, result
        self._leave(number)
        return 0, result

    def _invoke(self, number: int, command: int, arguments: Arguments) -> int:
        if arguments.too_many:
            raise Refused(Result.ERROR_BAD_PARAMETERS)
        with self._held(number) as place, self._turn(place.instance):
            result = place.instance.invoke(place.session, command, arguments.seen)
        arguments.take_back()
        return result

    def _admit(self, uuid: UUID, identity: Identity) -> int:
        """A place in the table, and an instance to go with it."""
        kind = self._applications.get(uuid)
        if kind is None:
            raise Refused(Result.ERROR_ITEM_NOT_FOUND)
        with self._lock:
            instance = self._instance(kind)
            if len(self._places) >= self._max_sessions:
                raise Refused(Result.ERROR_OUT_OF_MEMORY)
            if kind.single_instance:
                self._singles[uuid] = instance
            instance.sessions += 1
            number = next(reversed(self._places), 0) + 1  # OP-TEE uses numbers again
            self._places[number] = _Place(instance, Session(identity))
        return number

    def _instance(self, kind: type[TrustedApplication]) -> Instance:
        instance = self._singles.get(kind.uuid)
        if instance is None or instance.dead:
            return Instance(kind, TrustedStorage(self._state, kind.uuid))
        if instance.sessions and not kind.multi_session:
            raise Refused(Result.ERROR_BUSY)
        return instance

    @contextmanager
    def _held(self, number: int) -> Iterator[_Place]:
        """The session, for one thread at a time; BAD_PARAMETERS once it is closed."""
        place = self._places.get(number)
        if place is None:
            raise Refused(Result.ERROR_BAD_PARAMETERS)
        with place.lock:
            if place.closed:
                raise Refused(Result.ERROR_BAD_PARAMETERS)
            yield place

    @contextmanager
    def _turn(self, instance: Instance) -> Iterator[None]:
        """The right to enter the instance; TARGET_DEAD at once when it is dead."""
        instance.check_alive()
        with self._single_instances if instance.kind.single_instance else nullcontext():
            yield

    def _leave(self, number: int) -> None:
        """Give up a place, and the instance with it when nobody else needs it."""
        with self._lock:
            instance = self._places.pop(number).instance
            instance.sessions -= 1
        if instance.needed:
            return
        with suppress(Refused), self._turn(instance):
            if not instance.needed:  # somebody may have come in the meantime
                instance.destroy()
