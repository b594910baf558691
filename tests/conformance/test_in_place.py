"""16 MiB are changed in place in a shared buffer, and no byte of them is sent.

The client is written here, by hand, from docs/protocol.md, so that every byte which goes
through a socket is counted.
"""

import mmap
import os
import socket
import uuid
from pathlib import Path
from typing import Any

import msgpack
import pytest

from .applications import TEED_TEST, Command

SIZE = 16 * 2**20
PART = SIZE // 2
"""What one call refers to: OP-TEE as Debian builds it maps no 16 MiB for one application."""


class CountingClient:
    """One connection; ``octets`` counts what it and its channels sent and received."""

    def __init__(self, path: Path) -> None:
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.connect(str(path))
        self.octets = 0
        self._last = 0
        self.call(self.control, "hello", [1], "counting")

    def call(
        self, connection: socket.socket, method: str, *params: Any
    ) -> tuple[Any, int | None]:
        """Send a request; the result, and the descriptor that came with it."""
        self._last += 1
        request = msgpack.packb([0, self._last, method, params])
        connection.send(request)
        answer, fds, _, _ = socket.recv_fds(connection, 65536, 1, socket.MSG_CMSG_CLOEXEC)
        self.octets += len(request) + len(answer)
        _, number, error, result = msgpack.unpackb(answer)
        assert (number, error) == (self._last, None)
        return result, fds[0] if fds else None


def test_16_mib_are_changed_in_place(socket_path: Path) -> None:
    client = CountingClient(socket_path)
    (buffer, size), memfd = client.call(client.control, "allocate", SIZE)
    (result, _, _, _), channel_fd = client.call(
        client.control, "open", uuid.UUID(TEED_TEST).bytes, 0, None, [], None
    )
    assert (size, result) == (SIZE, 0)
    assert memfd is not None
    with mmap.mmap(memfd, SIZE) as memory, socket.socket(fileno=channel_fd) as channel:
        os.close(memfd)
        pattern = bytes(range(256)) * 4096
        for start in range(0, SIZE, len(pattern)):
            memory[start : start + len(pattern)] = pattern
        for offset in range(0, SIZE, PART):
            parameters = [[7, offset, PART, buffer], [1, 0xA5, 0, 0]]
            (result, _, outputs), _ = client.call(channel, "invoke", Command.XOR, parameters)
            assert (result, outputs) == (0, parameters)
        changed = bytes(byte ^ 0xA5 for byte in range(256)) * 4096
        for start in range(0, SIZE, len(changed)):
            assert memory[start : start + len(changed)] == changed
    client.control.close()
    assert client.octets < 500


def test_the_client_cannot_open_the_device_itself() -> None:
    if not Path("/dev/tee0").exists():
        pytest.skip("there is no device here that could be opened: this is the emulator")
    with pytest.raises(PermissionError):
        os.open("/dev/tee0", os.O_RDWR)
