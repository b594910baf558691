"""Closing descriptors where a close that blocks holds nobody up.

The last close of a descriptor may take as long as its maker likes: a socket that lingers, a
file on a file system that the client itself serves.  So whatever a client sent, and every
socket in which something may still lie that it sent, is closed on a thread of its own.
"""

import os
import threading
from collections.abc import Sequence
from contextlib import suppress

import trio


async def close_elsewhere(fds: Sequence[int]) -> None:
    """Close these; who waits may be cancelled, and they are closed all the same."""
    token = trio.lowlevel.current_trio_token()
    done = trio.Event()

    def close() -> None:
        close_all(fds)
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(done.set)

    threading.Thread(target=close, name="teed-disposal", daemon=True).start()
    await done.wait()


def close_all(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)
