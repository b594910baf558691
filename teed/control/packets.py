"""Messages and their descriptors over a SOCK_SEQPACKET socket, under trio."""

import socket
from array import array
from collections.abc import Sequence
from typing import NamedTuple

import trio

from teed_protocol.messages import MAX_MESSAGE, Message, encode

_MOST_FDS = 253
"""SCM_MAX_FD of Linux.  With room for all, the kernel closes none for us, as it does when
there is too little: that close is the sender's to draw out."""

_ROOM = socket.CMSG_SPACE(_MOST_FDS * array("i").itemsize)


class Packet(NamedTuple):
    """One message, and the descriptors that came along, which the receiver now owns.

    *cut* when some of them did not arrive: this process has no descriptor free for them.
    """

    body: bytes
    fds: list[int]
    cut: bool


async def receive(connection: trio.socket.SocketType) -> Packet:
    """The next packet.  An empty one is the end: the peer hung up, no message is empty."""
    body, ancillary, flags, _ = await connection.recvmsg(
        MAX_MESSAGE + 1, _ROOM, socket.MSG_CMSG_CLOEXEC
    )
    fds = array("i")
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    return Packet(body, fds.tolist(), bool(flags & socket.MSG_CTRUNC))


async def send(
    connection: trio.socket.SocketType, message: Message, fds: Sequence[int] = ()
) -> None:
    """Send one packet; the descriptors stay the caller's.

    BrokenResourceError whatever the system has against it: the peer cannot be answered.
    """
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))] if fds else []
    try:
        await connection.sendmsg([encode(message)], ancillary, socket.MSG_NOSIGNAL)
    except OSError as failed:
        raise trio.BrokenResourceError(f"no answer can be sent: {failed.strerror}") from failed
