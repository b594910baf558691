"""What a call needs to know of each of its parameters, and how they go over the wire."""

from typing import TYPE_CHECKING

from teed_protocol.codes import Attribute

if TYPE_CHECKING:
    from teed_client.arena import Block
    from teed_client.core import Client

Wire = tuple[int, int, int, int]
"""``[attr, a, b, c]`` as it is sent."""

MEMREF = Attribute.MEMREF_INPUT - 1
"""The attribute of a memory reference without its direction."""


class Parameter:
    """What one call needs to know of a parameter, whichever kind it is.

    ``bind`` is asked first, and gives something that lives for one call: the parameter
    itself, unless there is something to remember until the answer comes.
    """

    __slots__ = ()
    room = 0  # bytes of the arena that it takes

    def bind(self, client: "Client") -> "Parameter":
        """Check it; TeeError BAD_PARAMETERS with origin API if it cannot be sent."""
        raise NotImplementedError

    def send(self, block: "Block | None") -> Wire:
        """Copy what goes in to where the TEE sees it."""
        raise NotImplementedError

    def receive(self, a: int, b: int) -> None:
        """Take what came back; only asked of outputs."""
        raise NotImplementedError

    def give_up(self) -> None:
        """Nothing will be received any more, if anything was left to receive."""


class _Nothing(Parameter):
    """A parameter that is not used: TEEC_NONE."""

    __slots__ = ()

    def bind(self, client: "Client") -> "_Nothing":
        return self

    def send(self, block: "Block | None") -> Wire:
        return 0, 0, 0, 0


NOTHING = _Nothing()
