"""What a service tells systemd, and what it gets from it: sockets in, state out.

The protocols are those of sd_listen_fds(3) and sd_notify(3).
"""

import logging
import os
import socket

from teed_protocol.errors import TeedError

log = logging.getLogger(__name__)

_FIRST_FD = 3
_WANTED = "the socket unit must say ListenSequentialPacket=/path"


class ActivationError(TeedError):
    """systemd handed over something that teed cannot use."""


def listen_socket() -> socket.socket | None:
    """The listening socket that systemd opened for us, or None when it did not."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = int(os.environ.get("LISTEN_FDS", "0"))
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    if count != 1:
        raise ActivationError(f"systemd passed {count} sockets, teed listens on one")
    try:
        os.set_inheritable(_FIRST_FD, False)
        listener = socket.socket(fileno=_FIRST_FD)
    except OSError as why:
        raise ActivationError(_WANTED) from why
    if (listener.family, listener.type) != (socket.AF_UNIX, socket.SOCK_SEQPACKET):
        listener.close()
        raise ActivationError(_WANTED)
    return listener


def notify(state: str) -> None:
    """Tell systemd, if it listens: ``READY=1``, ``STOPPING=1``, ``STATUS=...``.

    Whoever said where to tell it may be gone; that is worth a warning, and no more.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
        try:
            speaker.connect(address)
            speaker.send(state.encode())
        except OSError as why:
            log.warning("cannot tell %s that %s: %s", address, state, why.strerror)
