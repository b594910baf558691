"""The crew by itself on a test's bench: rooms, and channels with a line to each."""

import os
import queue
import select
import socket
import threading
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from teed.accounts import Account, Limits
from teed.channels.crew import BRIEF_SECONDS, Crew
from teed.channels.work import Channel, Room
from teed.descriptors import close_all
from teed.memory.buffers import BufferTable
from teed_protocol.messages import Request, Response, decode, encode

from .fakes import PATIENCE, FakeDriver

Tap = Callable[[], object]


def _nothing() -> None:
    """Look on."""


def workers() -> int:
    """How many threads of a crew this process has."""
    names = (_name(task) for task in Path("/proc/self/task").iterdir())
    return sum(name.startswith("teed-crew") for name in names)


def _name(task: Path) -> str:
    try:
        return (task / "comm").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return ""


class Line:
    """A client's end of a channel, and the channel that it leads to."""

    def __init__(self, bench: "Bench", owner: Hashable, room: Room) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket, self.ours = theirs, ours
        self.socket.settimeout(PATIENCE)
        buffers = BufferTable(Account(1000, Limits()), null_allowed=True)
        self.channel = Channel(ours.fileno(), room, owner, buffers, bench)

    def ask(self, number: int, command: int = 0, method: str = "invoke") -> None:
        self.send(encode(Request(number, method, [command, []])))

    def send(self, body: bytes) -> None:
        self.socket.send(body)

    def answer(self) -> Response:
        response = decode(self.socket.recv(65536))
        assert isinstance(response, Response)
        return response

    def has_answer(self) -> bool:
        """Whether an answer waits to be read."""
        self.socket.settimeout(0)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        finally:
            self.socket.settimeout(PATIENCE)
        return True


class Bench:
    """A crew, and everything that it tells the control plane."""

    def __init__(
        self, driver: FakeDriver, size: int, spare: int = 0, brief: float = BRIEF_SECONDS
    ) -> None:
        self.driver = driver
        self.crashes: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
        self.losses: queue.SimpleQueue[tuple[Channel, str | None]] = queue.SimpleQueue()
        self.crew = Crew(driver, size, self.crashes.put, spare, brief)
        self._lines: list[Line] = []
        self._stopped = False
        self._over, self._stop_listening = os.pipe()
        self._listener = threading.Thread(target=self._listen)
        self.crew.start()
        self._listener.start()

    def _listen(self) -> None:
        """What the event loop does in a daemon: hear the news."""
        while True:
            readable, _, _ = select.select([self._over, self.crew.news], [], [])
            if self._over in readable:
                return
            self.crew.hear()

    def channel_lost(self, channel: Channel, why: str | None, fds: Sequence[int]) -> None:
        close_all(fds)
        self.losses.put((channel, why))

    def room(self) -> Room:
        """A new session at the TEE."""
        number = 1 + max(self.driver.sessions, default=0)
        self.driver.sessions.add(number)
        return Room(number)

    def line(self, owner: Hashable = "somebody", room: Room | None = None) -> Line:
        """A new channel to *room*, or to a session of its own."""
        line = Line(self, owner, room or self.room())
        self._lines.append(line)
        self.crew.enlist(line.channel)
        return line

    def tap(self, *, after_read: Tap = _nothing, before_send: Tap = _nothing) -> None:
        """Do this when a worker has read a request, or is about to answer it."""
        self.crew.look_in(after_read, before_send)

    def stop(self, timeout: float) -> bool:
        self._end_listening()  # the descriptor of the news goes with the crew
        self._stopped = self.crew.stop(timeout)
        return self._stopped

    def _end_listening(self) -> None:
        if self._listener.is_alive():
            os.write(self._stop_listening, b".")
            self._listener.join(PATIENCE)
            assert not self._listener.is_alive()

    def close(self) -> None:
        self.driver.let_go()
        assert self._stopped or self.stop(PATIENCE)
        os.close(self._stop_listening)
        os.close(self._over)
        for line in self._lines:
            line.socket.close()
            line.ours.close()
