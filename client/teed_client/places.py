"""The places of a connection: how many requests may be outstanding, and whose turn it is.

teed refuses the one that is too many.  So it is not sent before there is a place for it, and
some are kept for what ends something: as long as openings wait for their answers, they can
be cancelled, and what is open can be closed.
"""

from teed_protocol.calls import Cancel, Close, Release

MOST_OUTSTANDING = 64
KEPT_FOR_URGENT = 16

Urgent = Cancel | Close | Release
"""What ends something."""


class Places:
    """Changed by single steps only, so that a signal handler can come in between."""

    def __init__(self) -> None:
        self._free = [None] * MOST_OUTSTANDING

    def take(self, *, urgent: bool) -> bool:
        """Take a place for one request; False when there is none for it."""
        if not urgent and len(self._free) <= KEPT_FOR_URGENT:
            return False
        try:
            self._free.pop()
        except IndexError:
            return False
        return True

    def give_back(self) -> None:
        """The request that had it was answered, or was not sent after all."""
        self._free.append(None)
