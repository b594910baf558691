"""What comes from teed on the control connection, and who owns the descriptor in it."""

import os
from typing import Any, NamedTuple

from teed_client.process import close_in_children
from teed_protocol.calls import Array, BufferMade, Opened, Release
from teed_protocol.errors import Refusal, TeeError
from teed_protocol.messages import Response


class Packet(NamedTuple):
    """One message, and its descriptor, which belongs to whoever holds this."""

    body: bytes
    descriptor: int | None = None


class Answer:
    """The answer to one request, and the descriptor that came with it until it is taken."""

    __slots__ = ("__weakref__", "_descriptor", "_error", "_result")

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor
        if descriptor is not None:
            close_in_children(self)
        self._error: Refusal | None = None
        self._result: Any = None

    def fill(self, response: Response, kind: type[Array] | None) -> None:
        self._error = response.error
        self._result = response.result
        if kind is not None and response.error is None:
            self._result = kind.from_wire(response.result)
        if not isinstance(self._result, BufferMade | Opened):
            self.close()  # nobody looks for a descriptor here

    @property
    def result(self) -> Any:
        """The result, as its class where it has one; TeeError when it was refused."""
        if self._error is not None:
            refused = self._error
            raise TeeError(refused.code, refused.origin, refused.reason, refused.text)
        return self._result

    def take_descriptor(self) -> int | None:
        descriptor, self._descriptor = self._descriptor, None
        return descriptor

    def discard(self) -> Release | None:
        """Nobody wants it; close the descriptor, and say what teed has to hear to undo it.

        The session of an opening needs no more: closing its channel closes it.
        """
        self.close()
        made = self._result
        return Release(made.buffer) if isinstance(made, BufferMade) else None

    def close(self) -> None:
        """Close the descriptor, unless it was taken."""
        if (descriptor := self.take_descriptor()) is not None:
            os.close(descriptor)
