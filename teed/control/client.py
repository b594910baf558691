"""One client: what it has, and how all of it ends with the connection."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from teed import descriptors, threads
from teed.accounts import Account, too_slow
from teed.channels.work import Channel
from teed.daemon import Daemon
from teed.driver.interface import Opening
from teed.identity import Peer
from teed.memory.buffers import BufferTable
from teed.sessions import TeeSession
from teed_protocol.codes import Capability, Result
from teed_protocol.errors import TeeError

log = logging.getLogger(__name__)


class Attachment:
    """A client's place in a session: its channel, and how far it is with leaving."""

    __slots__ = ("channel", "hung_up", "idle", "leaving", "left", "number", "session")

    def __init__(self, number: int, session: TeeSession, channel: Channel) -> None:
        self.number = number
        self.session = session
        self.channel = channel
        self.leaving = False
        self.hung_up = False
        self.idle = trio.Event()
        self.left = trio.Event()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits for a session to open; cancelling *patience* ends the wait."""

    session: TeeSession
    opening: Opening
    patience: trio.CancelScope


class Client:
    """What one connection owns.  It is also the owner that takes its turn with the crew."""

    __slots__ = (
        "_attachments",
        "_buffers",
        "_discards",
        "_last_session",
        "account",
        "conversation",
        "daemon",
        "misdeed",
        "openings",
        "peer",
    )

    def __init__(self, peer: Peer, account: Account, daemon: Daemon) -> None:
        self.peer = peer
        self.account = account
        self.daemon = daemon
        self.openings: dict[int, Waiting] = {}
        self.conversation: trio.CancelScope | None = None
        self.misdeed: TeeError | None = None
        self._buffers: BufferTable | None = None
        self._attachments: dict[int, Attachment] = {}
        self._last_session = 0
        self._discards: list[trio.Event] = []

    @property
    def buffers(self) -> BufferTable:
        """Its shared memory; the table is made when it is first asked for."""
        if self._buffers is None:
            null_allowed = bool(self.daemon.driver.version.gen_caps & Capability.MEMREF_NULL)
            self._buffers = BufferTable(self.account, null_allowed=null_allowed)
        return self._buffers

    def attach(self, session: TeeSession) -> tuple[int, int]:
        """Give the client a channel to an open session: its number, and the client's end."""
        assert session.room is not None
        self.account.charge(channels=1)
        try:
            ours, theirs = descriptors.pair()
        except TeeError:
            self.account.credit(channels=1)
            raise
        channel = Channel(ours, session.room, self, self.buffers, self)
        self._last_session += 1
        self._attachments[self._last_session] = Attachment(self._last_session, session, channel)
        self.daemon.crew.enlist(channel)
        return self._last_session, theirs

    def attachment(self, number: int) -> Attachment:
        attachment = self._attachments.get(number)
        if attachment is None or attachment.leaving:
            raise TeeError.refused(
                Result.ERROR_BAD_PARAMETERS, "bad-session", f"there is no session {number}"
            )
        return attachment

    def leave(self, number: int) -> Attachment:
        """Begin to leave a session; ``left`` tells when its last call is over and it is done.

        The work is the daemon's, not that of the task which asks, so that a client that
        hangs up in the middle leaves nothing half done.
        """
        attachment = self.attachment(number)
        attachment.leaving = True
        self.daemon.crew.retire(attachment.channel, attachment.idle.set)
        self.daemon.nursery.start_soon(self._leave, attachment)
        return attachment

    def close(self, number: int) -> Attachment:
        """The same at the client's request, which may follow upon a channel's hang-up."""
        attachment = self._attachments.get(number)
        if attachment is None or not attachment.hung_up:
            return self.leave(number)
        attachment.hung_up = False
        return attachment

    async def cancel_running(self, channel: Channel, request: int) -> bool:
        """Cancel a request if it is the one running in the TEE; False when it is not."""
        try:
            return await self.daemon.sessions.cancel(channel, request)
        except (OSError, threads.NoThread) as failed:
            log.warning("%s: a cancellation failed: %s", self.peer, failed)
            return True

    def channel_lost(self, channel: Channel, why: str | None, fds: Sequence[int]) -> None:
        self.discard(fds)
        if why is not None:
            self._hang_up(malformed(why))
            return
        for attachment in self._attachments.values():
            if attachment.channel is channel:
                self.daemon.nursery.start_soon(self._abandon, attachment)
                return

    async def dismiss(self) -> None:
        """End everything that the client had: calls, sessions, then memory."""
        async with trio.open_nursery() as nursery:
            for attachment in list(self._attachments.values()):
                nursery.start_soon(self._abandon, attachment)
        if self._buffers is not None:
            await threads.run_in_the_end(self._buffers.release_all)
        for done in list(self._discards):
            await done.wait()
        self.account.credit(clients=1)

    def discard(self, fds: Sequence[int]) -> None:
        """Close what the client sent, or may have put something into.

        It counts as connected until they are gone.  Who sends more of them while too many of
        the user's take long to close is hung up on.
        """
        if not fds:
            return
        if self.account.disposal.is_behind:
            self._hang_up(too_slow())
        self._close(fds)

    def _close(self, fds: Sequence[int]) -> None:
        done = trio.Event()
        self._discards.append(done)
        self.daemon.nursery.start_soon(self._discard, fds, done)

    def _hang_up(self, why: TeeError) -> None:
        self.misdeed = why
        if self.conversation is not None:
            self.conversation.cancel()

    async def _discard(self, fds: Sequence[int], done: trio.Event) -> None:
        await self.account.disposal.close(fds)
        self._discards.remove(done)
        done.set()

    async def _leave(self, attachment: Attachment) -> None:
        if not attachment.idle.is_set():  # or it would take a turn of the event loop
            await attachment.idle.wait()
        self._close([attachment.channel.fd])
        self.account.credit(channels=1)
        self.daemon.sessions.leave(attachment.session)
        if not attachment.session.joined:
            await attachment.session.closed.wait()
        del self._attachments[attachment.number]
        attachment.left.set()

    async def _abandon(self, attachment: Attachment) -> None:
        """Leave a session that nobody waits for any more: what runs there is cancelled."""
        if not attachment.leaving:
            self.leave(attachment.number)
            attachment.hung_up = True
        request = attachment.channel.request
        if request is not None:
            await self.cancel_running(attachment.channel, request)
        await attachment.left.wait()


def malformed(text: str) -> TeeError:
    """What a client is told that breaks the protocol."""
    return TeeError.refused(Result.ERROR_BAD_FORMAT, "malformed", text)
