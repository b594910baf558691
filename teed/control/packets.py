"""Messages and their descriptors over a SOCK_SEQPACKET socket, under trio.

On plain sockets: those of trio.socket try first and wait then, and an idle client costs the
frames of all that helps them wait.
"""

import socket
from array import array
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import trio

from teed.descriptors import MOST_SENT
from teed_protocol.messages import MAX_MESSAGE, Message, encode

_Rights = tuple[int, int, "array[int]"]

_ROOM = socket.CMSG_SPACE(MOST_SENT * array("i").itemsize)

_RECEIVING = int(socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT)
_SENDING = int(socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)


class Packet(NamedTuple):
    """One message, and the descriptors that came along, which the receiver now owns.

    *cut* when some of them did not arrive: this process has no descriptor free for them.
    """

    body: bytes
    fds: list[int]
    cut: bool


async def receive(connection: socket.socket) -> Packet:
    """The next packet.  An empty one is the end: the peer hung up, no message is empty.

    It waits first: a client has rarely sent the next request when the last is answered.
    """
    await trio.lowlevel.wait_readable(connection)
    return _take(connection)


def last_descriptors(connection: socket.socket) -> list[int]:
    """What the caller has to close: the connection itself, then what came in and is unread.

    Unread it may not stay: a socket that is closed like that resets its peer, which then
    never reads the goodbye.  But who sends descriptors until the end is not waited for.
    """
    unread: list[int] = []
    connection.shutdown(socket.SHUT_RD)
    with suppress(ConnectionError):  # the peer has done just that
        more = True
        while more and not unread:
            packet = _take(connection)
            unread += packet.fds
            more = bool(packet.body)
    return [connection.detach(), *unread]


def _take(connection: socket.socket) -> Packet:
    body, ancillary, flags, _ = connection.recvmsg(MAX_MESSAGE + 1, _ROOM, _RECEIVING)
    fds = array("i")
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    return Packet(body, fds.tolist(), bool(flags & socket.MSG_CTRUNC))


async def send(connection: socket.socket, message: Message, fds: Sequence[int] = ()) -> None:
    """Send one packet; the descriptors stay the caller's.

    BrokenResourceError whatever the system has against it: the peer cannot be answered.
    """
    body = [encode(message)]
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))] if fds else []
    try:
        while not _sent(connection, body, ancillary):
            await trio.lowlevel.wait_writable(connection)
    except OSError as failed:
        raise trio.BrokenResourceError(f"no answer can be sent: {failed.strerror}") from failed


def _sent(connection: socket.socket, body: list[bytes], ancillary: list[_Rights]) -> bool:
    """False when the peer has so much to read that it must do that first."""
    try:
        connection.sendmsg(body, ancillary, _SENDING)
    except BlockingIOError:
        return False
    return True
