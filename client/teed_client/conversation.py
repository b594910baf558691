"""What is said on the control connection: which answer belongs to whom.  No I/O.

Several requests are outstanding at a time and answered in any order.  Whoever reads the
connection gives each packet to ``hear``; whoever waits looks for its ``answer``.
"""

from collections import deque
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from teed_client.answer import Answer, Packet
from teed_client.errors import Disconnected
from teed_client.places import Places, Urgent
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
from teed_protocol.errors import Refusal, RemoteProtocolError
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


class Conversation:
    """The requests of one control connection and their answers.

    ``ask``, ``later``, ``due`` and ``behind`` may be called at any time from any thread, a
    signal handler included; the others one at a time.
    """

    def __init__(self) -> None:
        self._ids = count(1)
        self._places = Places()
        self._asked: dict[int, type[Array] | None] = {}
        self._answers: dict[int, Answer] = {}
        self._forgotten: set[int] = set()
        self._outbox: deque[Urgent] = deque()
        self._end: Refusal | None = None

    @property
    def over(self) -> bool:
        return self._end is not None

    @property
    def behind(self) -> bool:
        """Whether something is due, which may have to wait for its place."""
        return bool(self._outbox) and self._end is None

    def ask(self, call: Call) -> tuple[int, bytes] | None:
        """The id and the packet of a request; its answer waits until it is taken.

        None when it has to wait for its place: hear an answer, and ask again.  Disconnected
        when there will be no more answers.
        """
        if self._end is not None:
            raise self.farewell()
        number, packet = self._request(call)
        if not self._places.take(urgent=isinstance(call, Urgent)):
            return None
        self._asked[number] = _RESULTS.get(type(call))
        return number, packet

    def later(self, call: Urgent) -> None:
        """Say this at the next opportunity; nobody waits for the answer."""
        self._outbox.append(call)

    def due(self) -> bytes | None:
        """The next packet that has to be sent before any other, if there is one.

        There is none either when it has to wait for its place: then this is ``behind``.
        """
        if not self.behind or not self._places.take(urgent=True):
            return None
        try:
            number, packet = self._request(self._outbox.popleft())
        except IndexError:  # another thread has just sent the last one
            self._places.give_back()
            return None
        self._forgotten.add(number)
        self._asked[number] = None
        return packet

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
        if number in self._asked:
            del self._asked[number]
            self._places.give_back()

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
                if number not in self._asked:
                    return False
                wanted = number not in self._forgotten
                self._forgotten.discard(number)
                self._places.give_back()
                answer.fill(response, self._asked.pop(number))
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
