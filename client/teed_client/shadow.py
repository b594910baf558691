"""Memory that the application has already, and the buffer that stands beside it."""

from threading import Lock
from typing import TYPE_CHECKING

from teed_client.parameter import MEMREF, Parameter, Wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from teed_client.arena import Block
    from teed_client.memory import Direction
    from teed_client.operation import Partial, Whole

Span = tuple[int, int]
"""Where bytes start, and where they end."""


class Shadow:
    """Copies between the application's memory and what the TEE sees; from any thread.

    Calls that run at the same time may refer to the same bytes.  What is an output of one
    of them is not copied in for another: the trusted application may have written there,
    and the other one sees that, as it would in memory that is shared as it is.
    """

    __slots__ = ("_application", "_lock", "_outputs", "_shared")

    def __init__(self, shared: memoryview, application: memoryview) -> None:
        self._shared = shared
        self._application = application
        self._outputs: list[Span] = []  # of calls in flight
        self._lock = Lock()

    def copy_in(self, span: Span, *, output: bool) -> None:
        """Before a call; an *output* is then kept for it until it is ``let_go``."""
        with self._lock:
            for start, end in parts_outside(span, self._outputs):
                self._shared[start:end] = self._application[start:end]
            if output:
                self._outputs.append(span)

    def copy_out(self, span: Span) -> None:
        start, end = span
        self._application[start:end] = self._shared[start:end]

    def let_go(self, span: Span) -> None:
        with self._lock:
            self._outputs.remove(span)


def parts_outside(span: Span, taken: "Iterable[Span]") -> "Iterator[Span]":
    """What is left of *span* without those that are *taken*, in order."""
    start, end = span
    for first, last in sorted(taken):
        if start < min(first, end):
            yield start, min(first, end)
        start = max(start, last)
    if start < end:
        yield start, end


class Shadowed(Parameter):
    """A reference to memory that is shadowed, for one call."""

    __slots__ = ("_direction", "_held", "_reference", "_shadow", "_span")

    def __init__(
        self, shadow: Shadow, reference: "Whole | Partial", direction: "Direction", span: Span
    ) -> None:
        self._shadow = shadow
        self._reference = reference
        self._direction = direction
        self._span = span
        self._held = False

    def send(self, block: "Block | None") -> Wire:
        output = bool(self._direction & 2)
        self._shadow.copy_in(self._span, output=output)
        self._held = output
        start, end = self._span
        return MEMREF + self._direction, start, end - start, self._reference.buffer.number

    def receive(self, a: int, b: int) -> None:
        start, end = self._span
        if b <= end - start:
            self._shadow.copy_out((start, start + b))
        self._reference.size = b
        self.give_up()

    def give_up(self) -> None:
        if self._held:
            self._held = False
            self._shadow.let_go(self._span)
