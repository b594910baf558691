"""16 MiB are changed in place in a shared buffer, and no byte of them is sent.

The client is written here, by hand, from docs/protocol.md, so that every byte which goes
through a socket is counted.
"""

import mmap
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgpack
import pytest

from teed_client import Context, TeeError
from teed_protocol.codes import Capability, Result

from .applications import TEED_TEST, Command

SIZE = 16 * 2**20
PART = SIZE // 2
"""What one call refers to: OP-TEE as Debian builds it maps no 16 MiB for one application."""
PIECE = 4 * 2**20
"""The largest that Linux allocates where the driver cannot register memory."""


class CountingClient:
    """One connection; ``octets`` counts what it and its channels sent and received."""

    def __init__(self, path: Path) -> None:
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.connect(str(path))
        self.octets = 0
        self._last = 0
        (*_, capabilities, _), _ = self.call(self.control, "hello", [1], "counting")
        self.capabilities = Capability(capabilities)

    def close(self) -> None:
        self.control.close()

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


@pytest.fixture
def client(socket_path: Path) -> Iterator[CountingClient]:
    with closing(CountingClient(socket_path)) as client:
        yield client


def changed_in_place(client: CountingClient, channel: socket.socket, size: int) -> None:
    """Allocate so much, fill it, have the application change it, and look."""
    (buffer, allocated), memfd = client.call(client.control, "allocate", size)
    assert allocated == size
    assert memfd is not None
    with mmap.mmap(memfd, size) as memory:
        os.close(memfd)
        pattern = bytes(range(256)) * 4096
        for start in range(0, size, len(pattern)):
            memory[start : start + len(pattern)] = pattern
        for offset in range(0, size, PART):
            parameters = [[7, offset, min(PART, size), buffer], [1, 0xA5, 0, 0]]
            (result, _, outputs), _ = client.call(channel, "invoke", Command.XOR, parameters)
            assert (result, outputs) == (0, parameters)
        changed = bytes(byte ^ 0xA5 for byte in range(256)) * 4096
        for start in range(0, size, len(changed)):
            assert memory[start : start + len(changed)] == changed


def test_16_mib_are_changed_in_place(client: CountingClient) -> None:
    (result, _, _, _), channel_fd = client.call(
        client.control, "open", uuid.UUID(TEED_TEST).bytes, 0, None, [], None
    )
    assert result == 0
    piece = SIZE if Capability.REG_MEM in client.capabilities else PIECE
    with socket.socket(fileno=channel_fd) as channel:
        for _ in range(0, SIZE, piece):
            changed_in_place(client, channel, piece)
    assert client.octets < 1000


def test_what_the_driver_cannot_allocate_in_one_piece_is_out_of_memory(
    context: Context,
) -> None:
    if Capability.REG_MEM in context.capabilities:
        pytest.skip("this TEE registers memory, which need not be in one piece")
    with pytest.raises(TeeError, match="Cannot allocate memory") as refused:
        context.allocate(PIECE + 1)
    assert refused.value.code == Result.ERROR_OUT_OF_MEMORY
    context.allocate(PIECE).release()


def test_the_client_cannot_open_the_device_itself() -> None:
    if not Path("/dev/tee0").exists():
        pytest.skip("there is no device here that could be opened: this is the emulator")
    with pytest.raises(PermissionError):
        os.open("/dev/tee0", os.O_RDWR)
