"""A daemon that does what it is told: it speaks the protocol, and a function is its TEE."""

import contextlib
import mmap
import os
import socket
import threading
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack

PATIENCE = 10
"""Seconds after which a test that waits has failed."""

ARENA = 4096
MOST_OUTSTANDING = 64
SUCCESS = (0, 4)

Params = list[list[int]]
Application = Callable[[int, Params, "FakeTeed"], tuple[int, int]]


@dataclass
class Reply:
    """What a method is answered with: an error or a result, and descriptors."""

    result: Any = None
    error: list[Any] | None = None
    descriptors: list[int] = field(default_factory=list)


def refusal(code: int, reason: str, text: str = "because") -> Reply:
    return Reply(error=[code, 2, reason, text])


def has_unread(client: socket.socket) -> bool:
    """Whether there is something that a client's connection has not read."""
    with contextlib.suppress(BlockingIOError):
        return bool(client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    return False


def nothing(command: int, params: Params, teed: "FakeTeed") -> tuple[int, int]:
    return SUCCESS


class FakeTeed:
    """Listens at *path*.  Everything it heard is in ``heard``, as ``(method, params)``.

    ``application`` is called for every invocation, in the thread of its session, and may
    change the parameters.  ``methods`` replaces what a method of the control connection
    does; each request is answered in a thread of its own, so answers come in any order.
    Those that are too many at a time are refused, and not in ``heard``.
    """

    def __init__(self, path: Path, capabilities: int = 13) -> None:
        self.path = path
        self.application: Application = nothing
        self.capabilities = capabilities
        self.methods: dict[str, Callable[[list[Any]], Reply]] = {}
        self.heard: list[tuple[str, list[Any]]] = []
        self.buffers: dict[int, mmap.mmap] = {}
        self.invocations: list[int] = []
        self.overlaps = 0  # requests that were sent while another was outstanding
        self.outstanding = 0
        self._changed = threading.Condition()
        self._hung_up = 0
        self._gone = 0
        self._connections: list[socket.socket] = []
        self._channels: dict[int, socket.socket] = {}
        self._threads: list[threading.Thread] = []
        self._last_buffer = 0
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen()
        self._start(self._accept)

    def memory(self, reference: list[int]) -> memoryview:
        """What a memory reference refers to."""
        _, offset, size, number = reference
        return memoryview(self.buffers[number])[offset : offset + size]

    def methods_heard(self) -> list[str]:
        return [method for method, _ in self.heard]

    def wait_until_heard(self, method: str, times: int = 1) -> list[Any]:
        """Wait until *method* was asked for so often; the params of the last time."""
        with self._changed:
            heard = self._changed.wait_for(
                lambda: self.methods_heard().count(method) >= times, PATIENCE
            )
        assert heard, f"not heard {method} {times} times: {self.heard}"
        return [params for each, params in self.heard if each == method][-1]

    def wait_until_left(self, channels: int = 1) -> None:
        """Wait until the client has hung up on so many channels."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._hung_up >= channels, PATIENCE)

    def is_asked_for_more(self) -> bool:
        """Whether there is a request that has not been heard yet."""
        return has_unread(self._connections[-1])

    def has_left(self) -> bool:
        return self._hung_up > 0

    def wait_until_gone(self) -> None:
        """Wait until the client has hung up its control connection."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._gone, PATIENCE)

    def say(self, message: list[Any], session: int | None = None) -> None:
        """Say something that nobody has asked for, also what nobody should say."""
        self.say_bytes(msgpack.packb(message), session)

    def say_unread(self) -> None:
        """Answer what was never asked: something to read that nobody waits for."""
        self.say([1, 4711, None, None])

    def say_bytes(self, body: bytes, session: int | None = None) -> None:
        spoken = self._connections[-1] if session is None else self._channels[session]
        spoken.send(body)

    def hang_up(self, session: int | None = None) -> None:
        ended = self._connections[-1] if session is None else self._channels[session]
        ended.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        for each in [self._listener, *self._connections, *self._channels.values()]:
            with contextlib.suppress(OSError):  # some have been shut down already
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        for each in [self._listener, *self._connections, *self._channels.values()]:
            each.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # stopped
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        for (_, number, method, params), descriptors in _messages(connection):
            with self._changed:
                if self.outstanding >= MOST_OUTSTANDING:
                    busy = [0xFFFF000D, 2, "busy", "too many"]
                    connection.send(msgpack.packb([1, number, busy, None]))
                    continue
                self.outstanding += 1
                self.heard.append((method, params))
                self._changed.notify_all()
            self._start(self._answer, connection, number, method, params, descriptors)
        with self._changed:
            self._gone += 1
            self._changed.notify_all()

    def _answer(
        self,
        connection: socket.socket,
        number: int,
        method: str,
        params: list[Any],
        descriptors: list[int],
    ) -> None:
        default = getattr(self, f"_{method}", None) or (lambda params: Reply())
        if method == "register":
            reply = self._register(params, descriptors)
        else:
            reply = self.methods.get(method, default)(params)
        with self._changed:
            self.outstanding -= 1
        rights = array("i", reply.descriptors).tobytes()
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if rights else []
        body = msgpack.packb([1, number, reply.error, reply.result])
        with contextlib.suppress(ConnectionError, OSError):  # the client may be gone
            connection.sendmsg([body], ancillary)
        for descriptor in reply.descriptors:
            os.close(descriptor)

    def _hello(self, params: list[Any]) -> Reply:
        return Reply([1, "fake", "emulator", 1, 1, self.capabilities, ARENA])

    def _allocate(self, params: list[Any]) -> Reply:
        size = max(params[0], 1)
        memfd = os.memfd_create("fake")
        os.ftruncate(memfd, size)
        return Reply([self._buffer(memfd, size), size], descriptors=[memfd])

    def _register(self, params: list[Any], descriptors: list[int]) -> Reply:
        number = self._buffer(descriptors[0], params[0])
        os.close(descriptors[0])
        return Reply([number, params[0]])

    def _buffer(self, memfd: int, size: int) -> int:
        with self._changed:
            self._last_buffer += 1
            self.buffers[self._last_buffer] = mmap.mmap(memfd, size)
            return self._last_buffer

    def _release(self, params: list[Any]) -> Reply:
        self.buffers.pop(params[0], None)
        return Reply()

    def _open(self, params: list[Any]) -> Reply:
        return self.open_session(params[3])

    def open_session(self, params: Params) -> Reply:
        """What ``open`` is answered with when it succeeds."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with self._changed:
            session = len(self._channels) + 1
            self._channels[session] = ours
        self._start(self._run, ours)
        return Reply([0, 4, params, session], descriptors=[theirs.detach()])

    def _cancel(self, params: list[Any]) -> Reply:
        return Reply("requested")

    def _status(self, params: list[Any]) -> Reply:
        return Reply({"buffers": len(self.buffers)})

    def _run(self, channel: socket.socket) -> None:
        for (_, number, _, (command, params)), _ in _messages(channel):
            with self._changed:
                self.invocations.append(number)
                self._changed.notify_all()
            result, origin = self.application(command, params, self)
            self.overlaps += has_unread(channel)
            with contextlib.suppress(ConnectionError):
                channel.send(msgpack.packb([1, number, None, [result, origin, params]]))
        with self._changed:
            self._hung_up += 1
            self._changed.notify_all()


def _messages(connection: socket.socket) -> Iterator[tuple[Any, list[int]]]:
    with contextlib.suppress(ConnectionResetError):
        while True:
            body, descriptors, _, _ = socket.recv_fds(connection, 65536, 4)
            if not body:
                return
            yield msgpack.unpackb(body), descriptors
