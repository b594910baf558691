"""What is said on the control connection: which answer belongs to whom.  No I/O.

Several requests are outstanding at a time and answered in any order.  Whoever reads the
connection gives each packet to ``hear``; whoever waits looks for its ``answer``.
"""

import os
from collections import deque
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from teed_client.errors import Disconnected
from teed_protocol.calls import (
    GOODBYE,
    Allocate,
    Array,
    BufferMade,
    Cancel,
    Close,
    Hello,
    Open,
    Opened,
    Register,
    Release,
    Status,
    Welcome,
)
from teed_protocol.codes import Origin, Result
from teed_protocol.errors import Refusal, RemoteProtocolError, TeeError
from teed_protocol.messages import (
    MAX_ID,
    Notification,
    Request,
    Response,
    decode,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Call = Hello | Allocate | Register | Release | Open | Close | Cancel | Status
"""What can be asked on the control connection."""

_RESULTS: dict[type[Call], type[Array]] = {
    Hello: Welcome,
    Allocate: BufferMade,
    Register: BufferMade,
    Open: Opened,
}
_HUNG_UP = Refusal(
    Result.ERROR_COMMUNICATION, Origin.COMMS, "disconnected", "teed closed the connection"
)
_CLOSED = Refusal(Result.ERROR_BAD_STATE, Origin.API, "closed", "this context was closed")


class Packet(NamedTuple):
    """One message, and its descriptor, which belongs to whoever holds this."""

    body: bytes
    descriptor: int | None = None


class Answer:
    """The answer to one request, and the descriptor that came with it until it is taken."""

    __slots__ = ("_descriptor", "_error", "_result")

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor
        self._error: Refusal | None = None
        self._result: Any = None

    def fill(self, response: Response, kind: type[Array] | None) -> None:
        self._error = response.error
        self._result = response.result
        if kind is not None and response.error is None:
            self._result = kind.from_wire(response.result)
        if not isinstance(self._result, BufferMade | Opened):
            self._close()  # nobody looks for a descriptor here

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

    def discard(self) -> Call | None:
        """Nobody wants it; close the descriptor, and say what teed has to hear to undo it.

        The session of an opening needs no more: closing its channel closes it.
        """
        self._close()
        made = self._result
        return Release(made.buffer) if isinstance(made, BufferMade) else None

    def _close(self) -> None:
        if (descriptor := self.take_descriptor()) is not None:
            os.close(descriptor)


class Conversation:
    """The requests of one control connection and their answers.

    ``ask``, ``later`` and ``due`` may be called at any time from any thread, a signal
    handler included; the others one at a time.
    """

    def __init__(self) -> None:
        self._ids = count(1)
        self._asked: dict[int, type[Array] | None] = {}
        self._answers: dict[int, Answer] = {}
        self._forgotten: set[int] = set()
        self._outbox: deque[Call] = deque()
        self._end: Refusal | None = None

    @property
    def over(self) -> bool:
        return self._end is not None

    def ask(self, call: Call) -> tuple[int, bytes]:
        """The id and the packet of a request; its answer waits until it is taken."""
        number, packet = self._request(call)
        self._asked[number] = _RESULTS.get(type(call))
        return number, packet

    def later(self, call: Call) -> None:
        """Say this at the next opportunity; nobody waits for the answer."""
        self._outbox.append(call)

    def due(self) -> bytes | None:
        """The next packet that has to be sent before any other, if there is one."""
        try:
            return self._request(self._outbox.popleft())[1]
        except IndexError:
            return None

    def hear(self, packet: Packet) -> None:
        """Take what came from teed; what breaks the protocol ends the conversation.

        An empty packet is how a socket says that the peer has hung up.
        """
        answer = Answer(packet.descriptor)
        kept = False
        try:
            if packet.body:
                kept = self._understand(packet.body, answer)
            else:
                self.end(_HUNG_UP)
        except RemoteProtocolError as wrong:
            self.end(replace(_HUNG_UP, reason="malformed", text=f"teed spoke wrongly: {wrong}"))
        if not kept:
            self._discard(answer)

    def end(self, why: Refusal) -> None:
        """There will be no more answers; the first reason is the one that is told."""
        self._end = self._end or why

    def close(self) -> None:
        self.end(_CLOSED)

    def farewell(self) -> Disconnected:
        """What to tell those who come too late."""
        return Disconnected.because(self._end or _HUNG_UP)

    def answer(self, number: int) -> Answer | None:
        """The answer to a request, if it is there; Disconnected when it will never be."""
        answer = self._answers.pop(number, None)
        if answer is None and self._end is not None:
            raise self.farewell()
        return answer

    def retract(self, number: int) -> None:
        """This request was not sent after all."""
        self._asked.pop(number, None)

    def forget(self, number: int) -> None:
        """Nobody waits for this answer any more; what it brings is given back."""
        if number in self._asked:
            self._forgotten.add(number)
        elif number in self._answers:
            self._discard(self._answers.pop(number))

    def _request(self, call: Call) -> tuple[int, bytes]:
        number = next(self._ids) & MAX_ID
        return number, encode(Request(number, call.METHOD, call.to_wire()))

    def _understand(self, body: bytes, answer: Answer) -> bool:
        """Whether somebody waits for this, and will find it."""
        match decode(body):
            case Response(number) as response:
                wanted = number in self._asked and number not in self._forgotten
                self._forgotten.discard(number)
                answer.fill(response, self._asked.pop(number, None))
                if wanted:
                    self._answers[number] = answer
                return wanted
            case Notification(method, params) if method == GOODBYE:
                self.end(last_words(params))
            case Request():
                raise RemoteProtocolError("a request")
        return False

    def _discard(self, answer: Answer) -> None:
        if (undo := answer.discard()) is not None:
            self.later(undo)


def last_words(params: "Sequence[Any]") -> Refusal:
    """What a goodbye says; RemoteProtocolError when it says nothing."""
    match params:
        case [int(code), int(origin), str(reason), str(text), *_]:
            return Refusal(code, origin, reason, text)
    raise RemoteProtocolError("a goodbye without a reason")
