"""Cancelling calls of the blocking client from elsewhere: TEEC_RequestCancellation."""

from collections.abc import Callable

from teed_client.errors import withdrawn


class Cancellation:
    """Given to calls when they are made; ``request`` cancels them, those to come included.

    A call that was not sent ends with TEEC_ERROR_CANCEL.  One that waits for its turn is
    withdrawn by teed and ends the same way.  Of one that runs, the trusted application is
    asked to stop; whether and how it does is up to it.  GlobalPlatform, section 4.5.11.
    """

    def __init__(self) -> None:
        self._requested = False
        # Changed by single steps only, so that a signal handler can come in between.
        self._calls: set[Callable[[], None]] = set()

    @property
    def requested(self) -> bool:
        """Whether ``request`` was called; it stays so."""
        return self._requested

    def request(self) -> None:
        """Cancel; from any thread, or from a signal handler.  It waits for nothing."""
        self._requested = True
        while self._calls:
            try:
                cancel = self._calls.pop()
            except KeyError:  # the last one has just ended by itself
                return
            cancel()

    def check(self) -> None:
        """TeeError CANCEL if it was requested, to be called before sending."""
        if self._requested:
            raise withdrawn()

    def begin(self, cancel: Callable[[], None]) -> None:
        """A call was sent, and *cancel* cancels it; not before, or the call is overtaken."""
        self._calls.add(cancel)
        if self._requested:
            self.request()

    def end(self, cancel: Callable[[], None]) -> None:
        """That call is over; *cancel* is what ``begin`` was given."""
        self._calls.discard(cancel)
