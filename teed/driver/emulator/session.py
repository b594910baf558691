"""What a trusted application knows of a session: who the client is, and cancellation."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

from teed_protocol.codes import Result

INFINITE = 0xFFFFFFFF
"""``TEE_TIMEOUT_INFINITE``: wait until cancelled."""


class Identity(NamedTuple):
    """``TEE_Identity``: how the client logged in, and the UUID that this made it."""

    login: int
    uuid: UUID


class Session:
    """One session as its trusted application sees it, from opening to closing.

    ``context`` is the application's own, as the session context of GlobalPlatform is.
    """

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.context: Any = None
        self._changed = threading.Condition()
        self._cancelled = False
        self._masked = True

    @property
    def cancelled(self) -> bool:
        """``TEE_GetCancellationFlag``: whether to stop; never while cancellation is masked."""
        return self._cancelled and not self._masked

    def mask_cancellation(self) -> bool:
        """``TEE_MaskCancellation``: whether it was masked before."""
        return self._set_mask(True)

    def unmask_cancellation(self) -> bool:
        """``TEE_UnmaskCancellation``: whether it was masked before."""
        return self._set_mask(False)

    def wait(self, milliseconds: int) -> int:
        """``TEE_Wait``: SUCCESS when the time is over, ERROR_CANCEL when cancelled.

        OP-TEE has Linux do the waiting, and looks for a cancellation when it is over.
        """
        with self._changed:
            if milliseconds == INFINITE:
                self._changed.wait_for(lambda: self.cancelled)
            elif not self.cancelled:
                self._changed.wait_for(lambda: False, milliseconds / 1000)
            return Result.ERROR_CANCEL if self.cancelled else Result.SUCCESS

    def request_cancellation(self) -> None:
        """The client wants it to stop.  This stays so until the next entry has ended."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()

    @contextmanager
    def entry(self) -> Iterator[None]:
        """The application is entered for this session, with cancellation masked.

        A cancellation was meant for this entry: the next one is another operation.
        """
        self._set_mask(True)
        try:
            yield
        finally:
            with self._changed:
                self._cancelled = False

    def _set_mask(self, masked: bool) -> bool:
        with self._changed:
            before, self._masked = self._masked, masked
        return before
