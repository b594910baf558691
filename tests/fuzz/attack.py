"""A daemon with the emulated TEE, one client that attacks it, and one that behaves."""

import os
import signal
import socket
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import trio

from teed import server
from teed.accounts import NAMES
from teed.config import parse
from teed.daemon import Daemon
from teed.driver.emulator import Emulator, Options
from teed.memory.memfd import make_memfd
from teed_protocol.messages import MAX_MESSAGE, Request, Response, decode, encode

from .strategies import TEST_TA, HangUp, Invoke, Send, Step

PATIENCE = 20
CONFIG = {
    "tee": {"secure_threads": 3},
    "limits": {"bytes": 2**20, "sessions": 8, "channels": 16},
    "stock": {"small": 1, "arena": 1},
}


class Attacker:
    """Sends what it is told to, reads when it likes, and never waits."""

    def __init__(self, path: str) -> None:
        self._control = _connect(path)
        self._channels: list[socket.socket] = []

    def take(self, step: Step) -> None:
        match step:
            case Send(body, descriptors):
                with ExitStack() as open_ones:
                    fds = [_descriptor(kind, open_ones) for kind in descriptors]
                    self._try(lambda: socket.send_fds(self._control, [body], fds))
            case Invoke(body) if self._channels:
                self._try(lambda: self._channels[-1].send(body))
            case HangUp(politely) if self._channels:
                channel = self._channels.pop()
                if politely:
                    self._try(lambda: channel.recv(MAX_MESSAGE))
                channel.close()
        self._listen()

    def close(self) -> None:
        for each in (self._control, *self._channels):
            each.close()

    def _listen(self) -> None:
        """Read what there is: a socket that comes along is a channel."""
        while received := self._try(lambda: socket.recv_fds(self._control, MAX_MESSAGE, 4)):
            body, fds, _, _ = received
            for fd in fds:
                if stat.S_ISSOCK(os.fstat(fd).st_mode):
                    self._channels.append(socket.socket(fileno=fd))
                    self._channels[-1].setblocking(False)
                else:
                    os.close(fd)
            if not body:
                return

    def _try(self, call: Callable[[], Any]) -> Any:
        """Whatever the daemon has done to the connection, the attack goes on."""
        try:
            return call()
        except (BlockingIOError, ConnectionError):
            return None


def _descriptor(kind: str, open_ones: ExitStack) -> int:
    """A descriptor to send along, which is closed when it is sent."""
    match kind:
        case "memfd":
            fd = make_memfd(8192)
        case "unsealed":
            fd = os.memfd_create("unsealed", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        case "null":
            fd = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        case _:
            one, other = socket.socketpair()
            other.close()
            fd = one.detach()
    open_ones.callback(os.close, fd)
    return fd


class Polite:
    """A client that knows the protocol, and notices when it is not served."""

    def __init__(self, path: str) -> None:
        self._control = trio.socket.from_stdlib_socket(_connect(path))
        self._fds: list[int] = []

    async def call(self, method: str, *params: Any) -> Any:
        return await self._exchange(self._control, method, params)

    async def work(self) -> None:
        """Memory, a session and a command in it, all of which must succeed."""
        buffer, _ = await self.call("allocate", 4096)
        os.close(self._fds.pop())
        _, _, _, session = await self.call("open", TEST_TA, 0, None, [])
        channel = trio.socket.from_stdlib_socket(socket.socket(fileno=self._fds.pop()))
        with channel:
            fill = [[6, 0, 16, buffer], [1, 7, 16, 0]]
            answer = await self._exchange(channel, "invoke", (11, fill))
            assert answer == [0, 4, fill]
            await self.call("close", session)
        await self.call("release", buffer)

    def close(self) -> None:
        self._control.close()

    async def _exchange(
        self, connection: trio.socket.SocketType, method: str, params: Sequence[Any]
    ) -> Any:
        with trio.fail_after(PATIENCE):
            await connection.send(encode(Request(1, method, params)))
            body, ancillary, _, _ = await connection.recvmsg(MAX_MESSAGE, socket.CMSG_SPACE(4))
        for _, _, octets in ancillary:
            self._fds.append(int.from_bytes(octets[:4], "little"))
        response = decode(body)
        assert isinstance(response, Response)
        assert response.error is None, response.error
        return response.result


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(path)
    connection.setblocking(False)
    return connection


@asynccontextmanager
async def _daemon(path: str, emulator: Emulator) -> AsyncIterator[Daemon]:
    ready: list[Daemon] = []
    serving = trio.Event()

    def on_ready(daemon: Daemon) -> None:
        ready.append(daemon)
        serving.set()

    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.run, parse(CONFIG), emulator, listener, on_ready)
                await serving.wait()
                yield ready[0]
                signal.raise_signal(signal.SIGTERM)
        finally:
            os.unlink(path)


async def attack(path: str, steps: Sequence[tuple[int, Step]], *, register: bool) -> None:
    """Let attackers take these steps; nobody else may notice, and nothing may be left."""
    before = _descriptors()
    emulator = Emulator(Options(register=register))
    async with _daemon(path, emulator) as daemon:
        polite = Polite(path)
        await polite.call("hello", [1], "polite")
        attackers = [Attacker(path) for _ in range(2)]
        attackers[0].take(Send(encode(Request(0, "hello", [[1], "attacker"])), []))
        for who, step in steps:
            attackers[who].take(step)
            await polite.call("status")  # which lets the daemon work
        await polite.work()
        for attacker in attackers:
            attacker.close()
        await _until_alone(daemon, polite)
        await polite.work()
        polite.close()
    emulator.close()
    assert emulator.open_sessions == frozenset()
    assert emulator.shared_memories == 0
    assert _descriptors() - before == set()


async def _until_alone(daemon: Daemon, polite: Polite) -> None:
    with trio.fail_after(PATIENCE):
        while any(daemon.accounts.total(name) != (name == "clients") for name in NAMES):
            await polite.call("status")


def _descriptors() -> set[str]:
    """What this process has open; what an earlier test forgot may go at any time."""
    return {
        f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}"
        for fd in os.listdir("/proc/self/fd")
        if os.path.lexists(f"/proc/self/fd/{fd}")
    }
