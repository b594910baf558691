"""A client that says what it is told to, also what teed_client would never send."""

import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from teed_client.packets import channel, connect, receive, send
from teed_protocol.messages import Request, Response, decode, encode


class RawSession:
    """The channel of a session; the caller chooses the numbers of its requests."""

    def __init__(self, number: int, descriptor: int) -> None:
        self.number = number
        self._channel = channel(descriptor)

    def ask(self, request: int, command: int, *parameters: list[int]) -> None:
        send(self._channel, encode(Request(request, "invoke", [command, list(parameters)])))

    def result(self, request: int) -> tuple[int, int]:
        """The result and the origin of the request that is answered next."""
        answer = _answer(self._channel, request)[0]
        return answer[0], answer[1]

    def close(self) -> None:
        self._channel.close()


class Raw:
    """A control connection on which one request is outstanding at a time."""

    def __init__(self, path: Path) -> None:
        self._connection: socket.socket = connect(path)
        self._last = 0
        self._sessions: list[RawSession] = []
        self.result("hello", [1], "raw")

    def result(self, method: str, *params: Any) -> Any:
        """What a request is answered with; a descriptor that comes along is not wanted."""
        result, descriptor = self._ask(method, *params)
        if descriptor is not None:
            os.close(descriptor)
        return result

    def open(self, uuid: str) -> RawSession:
        opened, descriptor = self._ask("open", UUID(uuid).bytes, 0, None, [], None)
        assert opened[0] == 0
        assert descriptor is not None
        session = RawSession(opened[3], descriptor)
        self._sessions.append(session)
        return session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for session in self._sessions:
            session.close()
        self._connection.close()

    def _ask(self, method: str, *params: Any) -> tuple[Any, int | None]:
        self._last += 1
        send(self._connection, encode(Request(self._last, method, list(params))))
        return _answer(self._connection, self._last)


def _answer(connection: socket.socket, request: int) -> tuple[Any, int | None]:
    body, descriptor = receive(connection)
    answer = decode(body)
    assert isinstance(answer, Response)
    assert (answer.id, answer.error) == (request, None)
    return answer.result, descriptor
