"""How many descriptors this process may have, and those that are kept back.

What a client sends must find room: where there is none, the kernel closes it at once, on the
thread that receives, and a close takes as long as the sender likes.  So nothing that lasts
gets one of the last descriptors.
"""

import errno
import fcntl
import os
import resource
from collections.abc import Sequence

from teed.channels._core import ffi, lib
from teed.driver.refusals import refusal_of
from teed_protocol.codes import Result
from teed_protocol.errors import TeeError

MOST_SENT = 253
"""SCM_MAX_FD of Linux: no message carries more."""

ROOM = 16384
"""Descriptors that the kernel's table has room for from the start."""

KEPT_BACK = 4 * MOST_SENT

_NONE_LEFT = {errno.EMFILE, errno.ENFILE}


def raise_limit() -> None:
    """Every client, channel and buffer is a descriptor; take all that the system allows.

    The kernel's table of them grows as it fills, which stops a process with threads for 10
    to 20 ms each time; so it is made to grow now, before there are any.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    some, other = os.pipe()
    os.close(fcntl.fcntl(some, fcntl.F_DUPFD_CLOEXEC, min(most, ROOM) - 1))
    close_all((some, other))


def are_short() -> bool:
    """Whether there are none but those that are kept back.

    The kernel gives out the lowest number that is free.
    """
    try:
        lowest = os.dup(0)
    except OSError as why:
        if why.errno not in _NONE_LEFT:
            raise
        return True
    os.close(lowest)
    return _is_kept_back(lowest)


def check() -> None:
    """TeeError when something that lasts should not be made now."""
    if are_short():
        raise _none_to_spare()


def pair() -> tuple[int, int]:
    """Two SOCK_SEQPACKET sockets that are connected; TeeError when there should be none now.

    Python's own socket objects would look at each of them once more.
    """
    fds = ffi.new("int[2]")
    failed = lib.teed_pair(fds)
    if failed:
        raise refusal_of(OSError(-failed, os.strerror(-failed)))
    if _is_kept_back(max(fds)):
        close_all(fds)
        raise _none_to_spare()
    return fds[0], fds[1]


def _is_kept_back(fd: int) -> bool:
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return fd >= most - min(KEPT_BACK, most // 2)


def _none_to_spare() -> TeeError:
    return TeeError.refused(
        Result.ERROR_OUT_OF_MEMORY, "limit", "teed has no descriptors to spare for now"
    )


def close_all(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)
