"""Who a client is for the TEE, as Linux computes it (``tee_session_calc_client_uuid``)."""

import errno
import os
from uuid import UUID, uuid5

from teed.driver.emulator.session import Identity
from teed.driver.interface import Opening
from teed_protocol.codes import Login

LINUX_NAMESPACE = UUID("58ac9ca0-2086-4683-a1b8-ec4bc08e01b6")
NIL = UUID(int=0)
KERNEL_LOGIN_MIN, KERNEL_LOGIN_MAX = 0x80000000, 0xBFFFFFFF
"""``TEE_IOCTL_LOGIN_REE_KERNEL_*``: not for processes."""


def identify(opening: Opening) -> Identity:
    """The identity that the application will see.

    OSError is EPERM for a group that the caller is not in and for the kernel's own logins,
    EINVAL for the APPLICATION logins, which Linux does not have, and for unknown ones.
    """
    match opening.login:
        case Login.PUBLIC:
            return Identity(opening.login, NIL)
        case Login.USER:
            return Identity(opening.login, _uuid("uid", opening.caller.uid))
        case Login.GROUP:
            return Identity(opening.login, _uuid("gid", _own_group(opening)))
        case login if KERNEL_LOGIN_MIN <= login <= KERNEL_LOGIN_MAX:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def _own_group(opening: Opening) -> int:
    group = opening.group or 0  # the kernel reads it off zeroed octets when none is given
    if not opening.caller.is_member(group):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    return group


def _uuid(kind: str, number: int) -> UUID:
    return uuid5(LINUX_NAMESPACE, f"{kind}={number:x}")
