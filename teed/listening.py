"""The socket where clients connect: made, given to its group, and removed in the end."""

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from teed.config import ConfigError, Socket, group_id

BACKLOG = 512


def bind(where: Socket) -> socket.socket:
    """Listen where the configuration says; ConfigError when that is impossible.

    A socket that a dead daemon left behind is replaced, one that answers is not.
    """
    path = Path(where.path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        path.parent.mkdir(exist_ok=True)
        _remove_stale(path)
        _bind(listener, path)
        _admit(path, where)
        listener.listen(BACKLOG)
    except OSError as why:
        listener.close()
        raise ConfigError(f"cannot listen at {path}: {why.strerror or why}") from why
    return listener


def unlink(listener: socket.socket) -> None:
    """Remove the socket from the file system, if it is still there."""
    with suppress(FileNotFoundError):
        os.unlink(listener.getsockname())


def _bind(listener: socket.socket, path: Path) -> None:
    before = os.umask(0o177)  # nobody connects until group and mode are right
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)


def _admit(path: Path, where: Socket) -> None:
    """Let those connect whom the configuration names."""
    try:
        if where.group:
            os.chown(path, -1, group_id(where.group))
        path.chmod(where.mode)
    except OSError as why:
        path.unlink()
        whom = f"group {where.group!r}, " if where.group else ""
        text = f"it cannot be given to {whom}mode {where.mode:#o}: {why.strerror}"
        raise OSError(why.errno, text) from why


def _remove_stale(path: Path) -> None:
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise OSError(errno.EEXIST, "something is there that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise OSError(errno.EADDRINUSE, "another teed is serving there")
