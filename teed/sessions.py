"""Sessions at the TEE: who opens one, who shares it, when it ends.

A session belongs to those who joined it.  Opening runs on behalf of all who wait for it,
not of the first alone, so nobody's death or impatience takes it from the others; and the
last to leave closes it, opened or still opening.
"""

import logging
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TypeVar

import trio

from teed import threads
from teed.accounts import Account
from teed.channels.crew import Crew
from teed.channels.work import Channel, Errand, Room
from teed.driver.interface import Answer, Driver, Opening
from teed.driver.refusals import CANCELLED, refusal_of
from teed_protocol.codes import Result
from teed_protocol.errors import TeeError

log = logging.getLogger(__name__)

T = TypeVar("T")

OPEN_TRIES = 4
"""An open can meet the remains of an instance that has just died; it is tried again."""

RETRY_SECONDS = 0.05


class TeeSession:
    """One session, opening, open or closing, and how many have joined it."""

    def __init__(self, opening: Opening, account: Account, key: Hashable) -> None:
        self.opening = opening
        self.account = account
        self.key = key
        self.joined = 0
        self.answer: Answer | TeeError | None = None
        self.room: Room | None = None
        self.opened = trio.Event()
        self.closed = trio.Event()
        self.errand: Errand | None = None
        self.outside = trio.CancelScope()

    def suits(self, opening: Opening) -> bool:
        """Whether that opening means this session; parameters are the opener's business."""
        ours = self.opening
        return (ours.uuid, ours.login, ours.group) == (
            opening.uuid,
            opening.login,
            opening.group,
        )

    @property
    def is_dead(self) -> bool:
        return self.room is not None and self.room.dead


class Sessions:
    """All sessions of the daemon.  Used on the event loop only."""

    def __init__(self, driver: Driver, crew: Crew, nursery: trio.Nursery) -> None:
        self._driver = driver
        self._crew = crew
        self._nursery = nursery
        self._shared: dict[Hashable, TeeSession] = {}
        self._closing: dict[Hashable, TeeSession] = {}
        # Cancellations have a secure thread that the crew leaves free; one at a time.
        self._reserve = trio.CapacityLimiter(1)
        self.openings = 0

    def join(
        self, opening: Opening, account: Account, name: str | None, owner: Hashable
    ) -> TeeSession:
        """Join the session of this user and name, or begin to open one.

        Wait for ``opened`` and look at ``answer``; whoever joins leaves, whatever it says.
        """
        key = None if name is None else (account.uid, name)
        session = self._shared.get(key)
        if session is not None and not session.is_dead:
            if not session.suits(opening):
                raise _name_taken(name)
            session.joined += 1
            return session
        account.charge(sessions=1)
        session = TeeSession(opening, account, key)
        session.joined = 1
        if key is not None:
            self._shared[key] = session
        self._nursery.start_soon(self._open, session, owner)
        return session

    def is_open(self, account: Account, name: str | None) -> bool:
        """Whether a session of this user and name is open, to be joined without waiting."""
        session = self._shared.get((account.uid, name))
        return session is not None and session.opened.is_set()

    def leave(self, session: TeeSession) -> None:
        """One sharer less; after the last the session closes, and ``closed`` tells when."""
        session.joined -= 1
        if session.joined:
            return
        if not self._withdraw(session):
            self._forget(session)
            if session.key is not None:
                self._closing[session.key] = session
        self._nursery.start_soon(self._close, session)

    def give_up(self, session: TeeSession, opening: Opening) -> bool:
        """Whether the one who asked with *opening* may stop waiting for the session.

        A sharer may at any time.  The one whose request it was may only if nobody else
        waits for it and it has not entered the TEE, which then never hears of it; inside,
        the TEE works with its parameters, and there is no way to cancel an opening there.
        """
        if session.opened.is_set():
            return False
        if session.opening is not opening:
            return True
        return session.joined == 1 and self._withdraw(session)

    async def cancel(self, channel: Channel, request: int) -> bool:
        """Ask the TEE to cancel this request; False when it does not run, or no more.

        Whether it still runs is asked again when the cancellation's turn has come: OP-TEE
        keeps one that comes too late, and lets it hit the session's next call.
        """

        def cancel_held() -> bool:
            with self._crew.holding(channel, request) as number:
                if number is None:
                    return False
                self._driver.cancel(number, request)
                return True

        return channel.request == request and await threads.run(
            cancel_held, limiter=self._reserve
        )

    async def _open(self, session: TeeSession, owner: Hashable) -> None:
        answer: Answer | TeeError = CANCELLED
        try:
            with session.outside:
                answer = await self._try_to_open(session, owner)
        finally:
            self._settle(session, answer)  # nobody waits for ever, whatever ends this task

    async def _try_to_open(self, session: TeeSession, owner: Hashable) -> Answer | TeeError:
        predecessor = self._closing.get(session.key)
        if predecessor is not None:  # an application may allow one session at a time
            await predecessor.closed.wait()
        for attempt in range(OPEN_TRIES):
            await trio.sleep(RETRY_SECONDS * attempt)  # where one ends that was withdrawn
            answer = await self._open_once(session, owner)
            if not (isinstance(answer, Answer) and answer.is_dead):
                break
        return answer

    async def _open_once(self, session: TeeSession, owner: Hashable) -> Answer | TeeError:
        def open_session() -> Answer | TeeError:
            try:
                return self._driver.open_session(session.opening)
            except OSError as failed:
                return refusal_of(failed)

        return await self._on_crew(session, owner, open_session)

    async def _on_crew(self, session: TeeSession, owner: Hashable, call: Callable[[], T]) -> T:
        """Have the crew make a call, in the owner's turn and within the TEE's capacity."""
        token = trio.lowlevel.current_trio_token()
        results: list[T] = []
        done = trio.Event()

        def run() -> None:
            results.append(call())
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(done.set)

        session.errand = Errand(owner, run)
        self._crew.submit(session.errand)
        await done.wait()
        session.errand = None
        return results[0]

    def _withdraw(self, session: TeeSession) -> bool:
        """Take an opening back, for good; False when it is in the TEE, or over."""
        if session.outside.cancel_called:
            return True
        in_line = session.errand is None or self._crew.withdraw(session.errand)
        if session.opened.is_set() or not in_line:
            return False
        session.outside.cancel()
        self._forget(session)
        return True

    def _settle(self, session: TeeSession, answer: Answer | TeeError) -> None:
        """Everybody who waits learns what became of the opening."""
        session.answer = answer
        if isinstance(answer, Answer) and answer.result == Result.SUCCESS:
            self.openings += 1
            session.room = Room(answer.session, session.opening.uuid)
        else:
            self._forget(session)
        session.opened.set()

    def _forget(self, session: TeeSession) -> None:
        """The name is free again, for a new session."""
        if self._shared.get(session.key) is session:
            del self._shared[session.key]

    async def _close(self, session: TeeSession) -> None:
        """Close it at the TEE, on the crew like an opening.

        OP-TEE waits with a close until a single instance is free, and holds a secure thread
        for as long: it may not be the one that cancellations need.
        """
        if not session.opened.is_set():  # or it would take a turn of the event loop
            await session.opened.wait()
        room = session.room
        if room is not None:

            def close_session() -> None:
                try:
                    self._driver.close_session(room.number)
                except OSError as failed:
                    log.warning("a session did not close: %s", failed)

            await self._on_crew(session, session, close_session)
        session.account.credit(sessions=1)
        if self._closing.get(session.key) is session:
            del self._closing[session.key]
        session.closed.set()


def _name_taken(name: str | None) -> TeeError:
    return TeeError.refused(
        Result.ERROR_ACCESS_CONFLICT,
        "share",
        f"the name {name!r} is in use for another application, login or group",
    )
