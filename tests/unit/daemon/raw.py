"""A client that speaks the protocol by hand, and can break it."""

import os
import socket
from array import array
from collections.abc import Sequence
from typing import Any

import trio

from teed_protocol.messages import (
    MAX_MESSAGE,
    Message,
    Notification,
    Request,
    Response,
    decode,
    encode,
)

from .fakes import PATIENCE

UUID = bytes(range(16))


class RawChannel:
    """The client's end of a session channel."""

    def __init__(self, fd: int) -> None:
        self.socket = trio.socket.from_stdlib_socket(socket.socket(fileno=fd))

    async def ask(self, number: int, command: int = 0, parameters: Sequence[Any] = ()) -> None:
        await self.socket.send(encode(Request(number, "invoke", [command, list(parameters)])))

    async def answer(self) -> Response:
        with trio.fail_after(PATIENCE):
            response = decode(await self.socket.recv(MAX_MESSAGE))
        assert isinstance(response, Response)
        return response

    async def invoke(
        self, number: int, command: int = 0, parameters: Sequence[Any] = ()
    ) -> Response:
        await self.ask(number, command, parameters)
        return await self.answer()

    async def is_closed(self) -> bool:
        """Wait for teed to hang up; False when it says something instead."""
        with trio.fail_after(PATIENCE):
            try:
                return await self.socket.recv(MAX_MESSAGE) == b""
            except ConnectionResetError:
                return True

    def close(self) -> None:
        self.socket.close()


class RawClient:
    """A control connection.  Descriptors that come along are in ``fds``, to be taken."""

    def __init__(self, connection: trio.socket.SocketType) -> None:
        self.socket = connection
        self.fds: list[int] = []
        self.channels: list[RawChannel] = []
        self._answers: dict[int, Response] = {}
        self._last_id = 0

    async def send(self, body: bytes, fds: Sequence[int] = ()) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))] if fds else []
        await self.socket.sendmsg([body], rights)

    def dup(self) -> int:
        """Another descriptor of the connection."""
        return os.dup(self.socket.fileno())

    async def ask(self, method: str, *params: Any, fds: Sequence[int] = ()) -> int:
        self._last_id += 1
        await self.send(encode(Request(self._last_id, method, params)), fds)
        return self._last_id

    def has_answer(self, number: int) -> bool:
        """Whether it came before an answer that somebody waited for."""
        return number in self._answers

    async def answer(self, number: int) -> Response:
        """The answer to the request with this id; others are kept for later."""
        while number not in self._answers:
            message = await self.receive()
            assert isinstance(message, Response), message
            self._answers[message.id] = message
        return self._answers.pop(number)

    async def receive(self) -> Message:
        message = await self._receive()
        assert message is not None, "teed hung up"
        return message

    async def call(self, method: str, *params: Any, fds: Sequence[int] = ()) -> Response:
        return await self.answer(await self.ask(method, *params, fds=fds))

    async def result(self, method: str, *params: Any, fds: Sequence[int] = ()) -> Any:
        response = await self.call(method, *params, fds=fds)
        assert response.error is None, response.error
        return response.result

    async def reason(self, method: str, *params: Any, fds: Sequence[int] = ()) -> str:
        """The reason why a request was refused."""
        response = await self.call(method, *params, fds=fds)
        assert response.error is not None, response.result
        assert response.result is None
        return response.error.reason

    async def hello(self) -> Any:
        return await self.result("hello", [1], "raw")

    async def open(self, share: str | None = None, login: int = 0, group: int | None = None,
                   parameters: Sequence[Any] = ()) -> tuple[int, RawChannel]:  # fmt: skip
        """Open a session: its number and its channel."""
        answer = await self.result("open", UUID, login, group, list(parameters), share)
        return answer[3], self.take_channel()

    def take_channel(self) -> RawChannel:
        channel = RawChannel(self.fds.pop(0))
        self.channels.append(channel)
        return channel

    async def allocate(self, size: int = 4096) -> int:
        """Allocate a buffer and forget its descriptor; its number."""
        number, _ = await self.result("allocate", size)
        os.close(self.fds.pop(0))
        return number

    async def goodbye(self) -> str:
        """The reason of the goodbye, after which teed hangs up."""
        while isinstance(message := await self.receive(), Response):
            self._answers[message.id] = message
        assert isinstance(message, Notification)
        assert message.method == "goodbye"
        assert await self.is_closed()
        return message.params[2]

    async def is_closed(self) -> bool:
        return await self._receive() is None

    async def _receive(self) -> Message | None:
        room = socket.CMSG_SPACE(16 * array("i").itemsize)
        with trio.fail_after(PATIENCE):
            try:
                body, ancillary, _, _ = await self.socket.recvmsg(
                    MAX_MESSAGE + 1, room, socket.MSG_CMSG_CLOEXEC
                )
            except ConnectionResetError:
                return None
        for _, _, payload in ancillary:
            self.fds += array("i", payload)
        return decode(body) if body else None

    def close(self) -> None:
        self.socket.close()
        for channel in self.channels:
            channel.close()
        while self.fds:
            os.close(self.fds.pop())


class Witness:
    """A descriptor to send along, of which one can tell that every copy is closed."""

    def __init__(self) -> None:
        self._reading, self.fd = os.pipe()

    def give(self) -> int:
        """Another descriptor of it, for whoever closes it."""
        return os.dup(self.fd)

    async def is_closed(self) -> None:
        """Wait until no process has it any more."""
        os.dup2(self._reading, self.fd)  # closes it, and keeps the count of descriptors
        with trio.fail_after(PATIENCE):
            await trio.lowlevel.wait_readable(self._reading)
        assert os.read(self._reading, 1) == b""

    def close(self) -> None:
        os.close(self._reading)
        os.close(self.fd)
