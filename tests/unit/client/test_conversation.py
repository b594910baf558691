"""The control connection's words without a connection: who gets which answer."""

import os
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teed_client.conversation import Conversation, Packet
from teed_client.errors import Disconnected
from teed_protocol.calls import Allocate, Array, BufferMade, Open, Opened, Release, Status
from teed_protocol.errors import TeeError

OPEN = Open(bytes(16), 0, None, ())


@pytest.fixture
def conversation() -> Conversation:
    return Conversation()


def _answer(number: int, result: Any, error: Any = None) -> Packet:
    return Packet(msgpack.packb([1, number, error, result]))


def _due(conversation: Conversation) -> list[Any]:
    """What has to be sent unasked, as method and params."""
    said = []
    while (packet := conversation.due()) is not None:
        said.append(msgpack.unpackb(packet)[2:])
    return said


def _is_closed(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False


def test_answers_in_any_order_find_their_requests(conversation: Conversation) -> None:
    first, _ = conversation.ask(Allocate(1))
    second, _ = conversation.ask(Allocate(2))
    conversation.hear(_answer(second, [20, 2]))
    assert conversation.answer(first) is None
    conversation.hear(_answer(first, [10, 1]))
    for number, made in ((first, BufferMade(10, 1)), (second, BufferMade(20, 2))):
        answer = conversation.answer(number)
        assert answer is not None
        assert answer.result == made


def test_no_two_outstanding_requests_share_a_number(conversation: Conversation) -> None:
    numbers = {conversation.ask(Status())[0] for _ in range(1000)}
    assert len(numbers) == 1000


def test_a_refusal_is_an_error_of_the_request(conversation: Conversation) -> None:
    number, _ = conversation.ask(Allocate(1))
    conversation.hear(_answer(number, None, [0xFFFF000C, 2, "limit", "enough"]))
    answer = conversation.answer(number)
    assert answer is not None
    with pytest.raises(TeeError, match="enough"):
        _ = answer.result


def test_a_buffer_that_nobody_waits_for_any_more_is_released(
    conversation: Conversation,
) -> None:
    number, _ = conversation.ask(Allocate(1))
    conversation.forget(number)
    memfd = os.memfd_create("late")
    conversation.hear(_answer(number, [7, 4096])._replace(descriptor=memfd))
    assert _is_closed(memfd)
    assert _due(conversation) == [[Release.METHOD, [7]]]


def test_an_answer_that_came_but_was_not_taken_is_undone_too(
    conversation: Conversation,
) -> None:
    number, _ = conversation.ask(Allocate(1))
    conversation.hear(_answer(number, [7, 4096]))
    conversation.forget(number)
    assert _due(conversation) == [[Release.METHOD, [7]]]


def test_the_channel_of_a_session_that_nobody_waits_for_is_closed(
    conversation: Conversation,
) -> None:
    number, _ = conversation.ask(OPEN)
    conversation.forget(number)
    channel = os.memfd_create("channel")
    conversation.hear(_answer(number, [0, 4, [], 3])._replace(descriptor=channel))
    assert _is_closed(channel)
    assert _due(conversation) == []


def test_a_request_that_was_not_sent_after_all_has_no_answer(
    conversation: Conversation,
) -> None:
    number, _ = conversation.ask(Status())
    conversation.retract(number)
    conversation.hear(_answer(number, {}))
    assert conversation.answer(number) is None


def test_an_answer_to_nothing_is_dropped(conversation: Conversation) -> None:
    surplus = os.memfd_create("surplus")
    conversation.hear(_answer(99, None)._replace(descriptor=surplus))
    assert _is_closed(surplus)
    assert not conversation.over


@pytest.mark.parametrize(
    ("call", "result"),
    [(Allocate(1), None), (Allocate(1), [1]), (Allocate(1), [1, -1]), (OPEN, [0, 4, [[1]], 1])],
)
def test_a_result_that_cannot_be_read_ends_the_conversation(
    conversation: Conversation, call: Any, result: Any
) -> None:
    number, _ = conversation.ask(call)
    descriptor = os.memfd_create("none")
    conversation.hear(_answer(number, result)._replace(descriptor=descriptor))
    assert _is_closed(descriptor)
    with pytest.raises(Disconnected, match="wrongly"):
        conversation.answer(number)


def test_the_first_reason_for_the_end_is_the_one_that_is_told(
    conversation: Conversation,
) -> None:
    number, _ = conversation.ask(Status())
    conversation.hear(Packet(msgpack.packb([2, "goodbye", [0xFFFF000E, 2, "shutdown", "bye"]])))
    conversation.hear(Packet(b""))
    with pytest.raises(Disconnected, match="bye") as gone:
        conversation.answer(number)
    assert (gone.value.code, gone.value.reason) == (0xFFFF000E, "shutdown")


def test_an_answer_that_came_before_the_end_is_still_good(conversation: Conversation) -> None:
    number, _ = conversation.ask(Status())
    conversation.hear(_answer(number, {"clients": 1}))
    conversation.hear(Packet(b""))
    answer = conversation.answer(number)
    assert answer is not None
    assert answer.result == {"clients": 1}


values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**64 - 1) | st.text(max_size=5) | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)
@given(
    st.one_of(
        st.binary(),
        values.map(msgpack.packb),
        st.tuples(st.just(1), st.integers(0, 3), values, values).map(msgpack.packb),
        st.tuples(st.just(2), st.just("goodbye"), values).map(msgpack.packb),
    )
)
def test_whatever_teed_says_there_is_an_answer_or_an_end_or_nothing(body: bytes) -> None:
    conversation = Conversation()
    numbers = [conversation.ask(each)[0] for each in (Allocate(1), OPEN, Status())]
    descriptor = os.memfd_create("sent")
    conversation.hear(Packet(body, descriptor))
    for number in numbers:
        try:
            answer = conversation.answer(number)
        except Disconnected:
            continue
        if answer is not None:
            _use(answer, descriptor)
    assert _is_closed(descriptor)


def _use(answer: Any, descriptor: int) -> None:
    try:
        assert not isinstance(answer.result, Array) or isinstance(
            answer.result, BufferMade | Opened
        )
    except TeeError:
        assert _is_closed(descriptor)
    answer.discard()
