"""Who a peer is: asked of the kernel, never of the peer."""

import socket
import struct
from dataclasses import dataclass

from teed.driver.interface import Credentials
from teed_protocol.codes import Login, Result
from teed_protocol.errors import TeeError

_SO_PEERGROUPS = 59
_MAX_GROUPS_BYTES = 1024  # what socket.getsockopt() can take


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as it was when it connected."""

    pid: int
    credentials: Credentials

    def __str__(self) -> str:
        return f"pid {self.pid} uid {self.credentials.uid}"


def peer_of(connection: socket.socket) -> Peer:
    """The peer's process, effective user and group, and supplementary groups."""
    size = struct.calcsize("iII")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid, uid, gid = struct.unpack("iII", raw)
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MAX_GROUPS_BYTES)
    except OSError:
        raise TeeError.refused(
            Result.ERROR_ACCESS_DENIED, "denied", "the client is in more than 256 groups"
        ) from None
    groups = struct.unpack(f"{len(raw) // 4}I", raw)
    return Peer(pid, Credentials(uid, gid, groups))


def check_login(login: int, group: int | None, caller: Credentials) -> None:
    """Refuse a login that the caller may not use, as the kernel would.

    The kernel checks an opening; here it is checked for everybody who joins a session too.
    """
    if login == Login.PUBLIC:
        return
    if login >> 30 == 0b10:  # TEE_IOCTL_LOGIN_REE_KERNEL_MIN to MAX
        raise _denied(f"the login method {login:#x} is the kernel's own")
    try:
        method = Login(login)
    except ValueError:
        raise _bad_login(f"there is no login method {login:#x}") from None
    if method in (Login.GROUP, Login.GROUP_APPLICATION):
        if group is None:
            raise _bad_login("a group login needs a group")
        if not caller.is_member(group):
            raise _denied(f"user {caller.uid} is not in group {group}")


def _denied(text: str) -> TeeError:
    """The kernel's EPERM, with the code that libteec makes of it."""
    return TeeError.refused(Result.ERROR_GENERIC, "denied", text)


def _bad_login(text: str) -> TeeError:
    return TeeError.refused(Result.ERROR_BAD_PARAMETERS, "bad-login", text)
