"""Somebody at teed's socket who answers what a test tells it to."""

import os
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgpack

HANG_UP = b""
SIZE = 65536

Words = bytes | Sequence[Any]
"""What to say: bytes as they are, or something for msgpack; HANG_UP to say nothing more."""


class Impostor:
    """Answers one client as teed would, but for the methods in *answers*.

    Of those, the params and the id go to the function that stands there; it gives what is to
    be said and the descriptors that are to come along.  ``heard`` is what was asked.
    """

    def __init__(
        self, path: Path, answers: dict[str, Callable[[int, Any], tuple[Words, list[int]]]]
    ) -> None:
        self.path = path
        self.heard: list[tuple[str, Any]] = []
        self._answers = answers
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen()
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._serve_in_thread(None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for end in self._ends:
            end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=30)
        for end in (self._listener, *self._ends):
            end.close()

    def _serve_in_thread(self, connection: socket.socket | None) -> None:
        thread = threading.Thread(target=self._serve, args=[connection])
        self._threads.append(thread)
        thread.start()

    def _serve(self, connection: socket.socket | None) -> None:
        if connection is None:
            connection, _ = self._listener.accept()
            self._ends.append(connection)
        while body := connection.recv(SIZE):
            _, number, method, params = msgpack.unpackb(body)
            self.heard.append((method, params))
            words, descriptors = self._answers.get(method, self._properly(method))(
                number, params
            )
            if words == HANG_UP:
                connection.shutdown(socket.SHUT_RDWR)
                return
            packet = words if isinstance(words, bytes) else msgpack.packb(words)
            if connection.fileno() >= 0:
                socket.send_fds(connection, [packet], descriptors, socket.MSG_NOSIGNAL)
            for descriptor in descriptors:
                os.close(descriptor)

    def _properly(self, method: str) -> Callable[[int, Any], tuple[Words, list[int]]]:
        return {
            "hello": lambda number, _: ([1, number, None, WELCOME], []),
            "allocate": lambda number, params: ([1, number, None, [7, SIZE]], [memfd()]),
            "open": lambda number, _: ([1, number, None, [0, 4, [], 1]], [self.channel()]),
            "invoke": lambda number, params: ([1, number, None, [0, 4, params[1]]], []),
        }.get(method, lambda number, _: ([1, number, None, None], []))

    def channel(self) -> int:
        """The client's end of a new channel, which is served as well."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ends.append(ours)
        self._serve_in_thread(ours)
        return theirs.detach()


WELCOME = [1, "impostor", "linux", 1, 1, 13, SIZE]


def memfd() -> int:
    descriptor = os.memfd_create("impostor")
    os.ftruncate(descriptor, SIZE)
    return descriptor
