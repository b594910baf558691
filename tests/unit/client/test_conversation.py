"""The control connection's words without a connection: who gets which answer."""

import os
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teed_client.answer import Packet
from teed_client.conversation import Conversation
from teed_client.errors import Disconnected
from teed_client.places import KEPT_FOR_URGENT, MOST_OUTSTANDING
from teed_protocol.calls import (
    Allocate,
    Array,
    BufferMade,
    Cancel,
    Close,
    Open,
    Opened,
    Register,
    Release,
    Status,
)
from teed_protocol.errors import TeeError

OPEN = Open(bytes(16), 0, None, ())
USUAL = MOST_OUTSTANDING - KEPT_FOR_URGENT


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
    usual = {_asked(conversation, Status()) for _ in range(USUAL)}
    urgent = {_asked(conversation, Release(1)) for _ in range(KEPT_FOR_URGENT)}
    assert len(usual | urgent) == MOST_OUTSTANDING


# Places


def test_places_are_kept_for_what_ends_something(conversation: Conversation) -> None:
    for _ in range(USUAL):
        _asked(conversation, OPEN)
    for call in (OPEN, Status(), Allocate(1), Register(1)):
        assert conversation.ask(call) is None
    for urgent in [Cancel(1, 1), Close(1), Release(1)] * 5 + [Close(2)]:
        _asked(conversation, urgent)
    assert conversation.ask(Cancel(1, 1)) is None


def test_an_answer_makes_a_place(conversation: Conversation) -> None:
    first = _asked(conversation, Status())
    for _ in range(USUAL - 1):
        _asked(conversation, Status())
    assert conversation.ask(Status()) is None
    conversation.hear(_answer(first, {}))
    _asked(conversation, Status())


def test_what_nobody_waits_for_takes_a_place_until_it_is_answered(
    conversation: Conversation,
) -> None:
    for number in range(MOST_OUTSTANDING + 1):
        conversation.later(Release(number))
    assert len(_due(conversation)) == MOST_OUTSTANDING
    assert conversation.behind
    assert conversation.ask(Cancel(1, 1)) is None
    conversation.hear(_answer(1, None))
    assert _due(conversation) == [[Release.METHOD, [MOST_OUTSTANDING]]]
    assert not conversation.behind


def test_what_was_not_sent_after_all_leaves_its_place(conversation: Conversation) -> None:
    numbers = [_asked(conversation, Status()) for _ in range(USUAL)]
    conversation.retract(numbers[0])
    conversation.retract(numbers[0])
    _asked(conversation, Status())
    assert conversation.ask(Status()) is None


def test_what_was_not_asked_makes_no_place(conversation: Conversation) -> None:
    for _ in range(USUAL):
        _asked(conversation, Status())
    conversation.hear(_answer(4711, None))
    assert conversation.ask(Status()) is None


def test_who_comes_after_the_end_does_not_wait_for_a_place(conversation: Conversation) -> None:
    for _ in range(USUAL):
        _asked(conversation, Status())
    conversation.later(Release(1))
    conversation.close()
    with pytest.raises(Disconnected):
        conversation.ask(Status())
    assert not conversation.behind


def _asked(conversation: Conversation, call: Any) -> int:
    asked = conversation.ask(call)
    assert asked is not None
    return asked[0]


# Answers


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
