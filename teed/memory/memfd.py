"""Memory with a descriptor: made and sealed here, or brought by a client and checked."""

import fcntl
import logging
import mmap
import os

from teed_protocol.codes import Result
from teed_protocol.errors import TeeError

log = logging.getLogger(__name__)

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
"""Its size can never change again, and neither can that."""

WRITE_SEALS = fcntl.F_SEAL_WRITE | 0x0010  # F_SEAL_FUTURE_WRITE
MFD_NOEXEC_SEAL = 0x0008


def whole_pages(size: int) -> int:
    """*size* rounded up to whole pages, one at least: pages are what the TEE sees."""
    return max(-(-size // mmap.PAGESIZE), 1) * mmap.PAGESIZE


def make_memfd(size: int) -> int:
    """A new sealed memfd of *size* bytes, all zero."""
    fd = _memfd("teed")
    try:
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd


def empty_memfd(fd: int, size: int) -> None:
    """Give the pages of a memfd back to the system, whoever still has it mapped.

    What a client keeps of a released buffer is then empty, and what it puts there is its own
    to answer for.
    """
    try:
        with mmap.mmap(fd, size) as pages:
            pages.madvise(mmap.MADV_REMOVE)
    except OSError as why:
        log.warning("%d bytes of a released buffer stay in memory: %s", size, why.strerror)


def check_memfd(fd: int, size: int) -> None:
    """Refuse a client's descriptor that could hurt whoever maps it.

    Without the seals a client could truncate the file under a mapping, which kills the
    process that touches it.  The size is read after the seals, when it can no longer change.
    """
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError:
        raise _refused("it is not a memfd") from None
    if seals & SEALS != SEALS:
        raise _refused("it lacks one of F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_SEAL")
    if seals & WRITE_SEALS:
        raise _refused("it is sealed against writing")
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDWR:
        raise _refused("it is not open for reading and writing")
    if os.fstatvfs(fd).f_bsize != mmap.PAGESIZE:
        raise _refused("its pages are not of the ordinary size")
    if not 0 < size <= os.fstat(fd).st_size:
        raise _refused(f"it does not hold {size} bytes")


def _memfd(name: str) -> int:
    try:
        return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL)
    except OSError:  # Linux before 6.3 does not know MFD_NOEXEC_SEAL
        return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def _refused(why: str) -> TeeError:
    return TeeError.refused(
        Result.ERROR_BAD_PARAMETERS, "bad-memfd", f"the descriptor cannot be shared: {why}"
    )
