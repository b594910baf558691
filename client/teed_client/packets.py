"""Packets and the descriptors that come with them; the only place that opens a socket."""

import os
import socket
from array import array

from teed_client.answer import Packet
from teed_client.errors import disconnected
from teed_client.process import close_in_children
from teed_protocol.messages import MAX_MESSAGE

DEFAULT_PATH = "/run/teed/teed.sock"
ROOM = socket.CMSG_SPACE(array("i").itemsize)
"""No message of teed's carries more than one descriptor."""

Ancillary = list[tuple[int, int, bytes]]

_ADVICE = {
    FileNotFoundError: "there is no such socket; is teed running?",
    ConnectionRefusedError: "nobody answers there; is teed running?",
    PermissionError: "not allowed; are you in the group that may use teed?",
}


def connect(path: str | os.PathLike[str] | None = None) -> socket.socket:
    """A control connection; Disconnected says what is in the way.

    *path* is by default the environment's ``TEED_SOCKET``, or ``/run/teed/teed.sock``.
    """
    path = os.fspath(path or os.environ.get("TEED_SOCKET") or DEFAULT_PATH)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    close_in_children(connection)
    try:
        connection.connect(path)
    except OSError as failure:
        connection.close()
        why = _ADVICE.get(type(failure), str(failure))
        raise disconnected(f"cannot reach teed at {path}: {why}") from failure
    return connection


def channel(descriptor: int) -> socket.socket:
    """The socket of a session channel, which owns the descriptor from here on."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, descriptor)
    close_in_children(connection)
    return connection


def send(connection: socket.socket, body: bytes, descriptor: int | None = None) -> None:
    """Send a packet, and a descriptor along with it; ConnectionError when nobody reads it."""
    if descriptor is None:
        connection.send(body, socket.MSG_NOSIGNAL)
    else:
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [descriptor]).tobytes())
        connection.sendmsg([body], [rights], socket.MSG_NOSIGNAL)


def receive(connection: socket.socket, flags: int = 0) -> Packet:
    """The next packet, with an empty body when the peer has hung up."""
    flags |= socket.MSG_CMSG_CLOEXEC
    try:
        body, ancillary, _, _ = connection.recvmsg(MAX_MESSAGE, ROOM, flags)
    except ConnectionResetError:
        # teed hung up without reading all that we sent.  The kernel says so once, and what
        # teed said last comes after it.
        body, ancillary, _, _ = connection.recvmsg(MAX_MESSAGE, ROOM, flags)
    return packet(body, ancillary)


def packet(body: bytes, ancillary: Ancillary) -> Packet:
    """Take over what ``recvmsg`` gave.

    A descriptor can be missing although one was sent (MSG_CTRUNC: this process can have no
    more), so whoever needs one looks.  More than one was never agreed on: they are closed.
    """
    descriptors = array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    for surplus in descriptors[1:]:
        os.close(surplus)
    return Packet(body, descriptors[0] if descriptors else None)
