"""One call: its parameters on their way out and back, and the packets of a channel."""

from typing import TYPE_CHECKING, Any

from msgpack import Packer, unpackb

from teed_client.conversation import last_words
from teed_client.errors import Disconnected, bad_parameters
from teed_client.given import expect
from teed_client.parameter import NOTHING, Parameter, Wire
from teed_client.temporary import share_overlaps
from teed_protocol.calls import GOODBYE, Invoke, Invoked
from teed_protocol.codes import MAX_PARAMETERS
from teed_protocol.errors import Refusal, RemoteProtocolError, TeeError
from teed_protocol.messages import (
    MAX_ID,
    REQUEST,
    RESPONSE,
    Notification,
    Response,
    decode,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from teed_client.arena import Block
    from teed_client.core import Client

_KINDS = "a parameter is a Value, a Temporary, a Whole, a Partial or None"


class Operation:
    """The parameters of one call: checked, sent, and updated with what came back.

    Between the first two, whoever does the I/O finds a ``block`` of ``room`` bytes for it
    when it needs any, and gives it back when the call is over, which it is when the answer
    has come and not before.
    """

    __slots__ = ("_bound", "_sent", "block", "room")

    def __init__(self, client: "Client", parameters: "Sequence[Parameter | None]") -> None:
        if len(parameters) > MAX_PARAMETERS:
            raise bad_parameters(f"{len(parameters)} parameters; an operation has at most four")
        room = 0
        bound = []
        for parameter in parameters:
            try:
                each = NOTHING if parameter is None else parameter.bind(client)
            except (AttributeError, TypeError):
                expect(_KINDS, parameter, Parameter)
                raise
            room += each.room
            bound.append(each)
        if room and len(bound) > 1 and share_overlaps(bound):
            room = sum(each.room for each in bound)
        self._bound = bound
        self._sent: list[Wire] = []
        self.room = room
        self.block: Block | None = None

    def send(self) -> list[Wire]:
        """Copy the inputs in; the parameters as they go over the wire."""
        block = self.block
        self._sent = sent = [each.send(block) for each in self._bound]
        return sent

    def receive(self, parameters: "Sequence[Any]") -> None:
        """Update the parameters; RemoteProtocolError when these cannot be theirs."""
        if not parameters and not self._sent:
            return
        if len(parameters) != len(self._sent):
            raise RemoteProtocolError("an answer with other parameters than the request")
        for bound, sent, came in zip(self._bound, self._sent, parameters, strict=True):
            try:
                attr, a, b, _ = came
            except (TypeError, ValueError):
                raise RemoteProtocolError("a parameter is [attr, a, b, c]") from None
            if attr != sent[0] or type(a) is not int or type(b) is not int or a < 0 or b < 0:
                raise RemoteProtocolError("a parameter that answers another one")
            if attr & 2:
                bound.receive(a, b)

    def give_up(self) -> None:
        """Nobody waits for the answer any more, or it was none."""
        for each in self._bound:
            each.give_up()


Said = tuple[int, int, "Sequence[Any]"]
"""Result, origin and parameters as a channel carries them."""


class Invocations:
    """What is said on a session's channel: one request at a time, then its answer.

    This is the way that has to be quick: one packer for all requests, and an answer that is
    as expected is not looked at twice.
    """

    __slots__ = ("_pack", "number")

    def __init__(self) -> None:
        self._pack = Packer().pack
        self.number = 0

    def request(self, command: int, parameters: list[Wire]) -> bytes:
        """The packet of the next request, whose id is ``number`` from here on."""
        self.number = number = (self.number + 1) & MAX_ID
        packet: bytes = self._pack([REQUEST, number, Invoke.METHOD, [command, parameters]])
        return packet

    def answer(self, body: bytes) -> "Said | None":
        """Result, origin and parameters, to be looked at by the operation.

        None when this answers the request before the last one, which was not waited for.

        TeeError when teed or the driver refused, Disconnected when teed says goodbye,
        RemoteProtocolError when this is no answer to the last request.
        """
        try:
            kind, number, error, (result, origin, parameters) = unpackb(body)
        except (TypeError, ValueError):
            return self._unusual(body)
        if kind != RESPONSE or number != self.number or error is not None:
            return self._unusual(body)
        if type(result) is not int or type(origin) is not int or type(parameters) is not list:
            return self._unusual(body)
        if (result | origin) >> 32:
            return self._unusual(body)
        return result, origin, parameters

    def _unusual(self, body: bytes) -> "Said | None":
        match decode(body):
            case Response(number) if number == self.number - 1:
                return None
            case Response(number, None, result) if number == self.number:
                invoked = Invoked.from_wire(result)
                return invoked.result, invoked.origin, invoked.parameters
            case Response(number, Refusal() as why) if number == self.number:
                raise TeeError(why.code, why.origin, why.reason, why.text)
            case Notification(method, params) if method == GOODBYE:
                raise Disconnected.because(last_words(params))
        raise RemoteProtocolError("not an answer to the request")
