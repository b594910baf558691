"""Messages to and from bytes: whole round trips, and nothing but one error for garbage."""

from contextlib import suppress

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teed_protocol.errors import LocalProtocolError, Refusal, RemoteProtocolError
from teed_protocol.messages import (
    MAX_MESSAGE,
    Message,
    Notification,
    Request,
    Response,
    decode,
    encode,
)

ids = st.integers(0, 2**32 - 1)
scalars = st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.text() | st.binary()
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4), max_leaves=10)
params = st.lists(values, max_size=5)
refusals = st.builds(Refusal, ids, st.integers(1, 4), st.text(), st.text())
messages = st.one_of(
    st.builds(Request, ids, st.text(), params),
    st.builds(Response, ids, st.none(), values),
    st.builds(Response, ids, refusals, st.none()),
    st.builds(Notification, st.text(), params),
)


@settings(deadline=None)
@given(messages)
def test_a_message_arrives_as_it_was_sent(message: Message) -> None:
    assert decode(encode(message)) == message


@settings(deadline=None)
@given(messages)
def test_a_message_can_be_read_out_of_a_larger_space(message: Message) -> None:
    body = encode(message)
    assert decode(memoryview(body + bytes(8))[: len(body)]) == message


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_the_peer_s_fault_and_nothing_else(body: bytes) -> None:
    with suppress(RemoteProtocolError):
        decode(body)


@settings(deadline=None)
@given(messages, st.data())
def test_a_damaged_message_is_the_peer_s_fault_and_nothing_else(
    message: Message, data: st.DataObject
) -> None:
    body = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(RemoteProtocolError):
        decode(bytes(body))


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [0],
        [0, 1, "hello"],
        [0, 1, "hello", [], None],
        [0, 1, "hello", None],
        [0, 1, "hello", {}],
        [0, 1, b"hello", []],
        [0, -1, "hello", []],
        [0, 2**32, "hello", []],
        [0, True, "hello", []],
        [0, "1", "hello", []],
        [1, 1, None],
        [1, 1, [1, 2, "reason"], None],
        [1, 1, [1, 2, "reason", 3], None],
        [1, 1, ["1", 2, "reason", "text"], None],
        [1, 1, [True, 2, "reason", "text"], None],
        [1, 1, [-1, 2, "reason", "text"], None],
        [1, 1, [2**32, 2, "reason", "text"], None],
        [1, 1, [1, False, "reason", "text"], None],
        [2, "goodbye"],
        [2, 1, "goodbye", []],
        [3, 1, "hello", []],
        [False, 1, "hello", []],
        [True, 1, None, None],
        [0.0, 1, "hello", []],
        {"0": 1},
        "hello",
        None,
    ],
)
def test_what_has_none_of_the_three_forms_is_refused(fields: object) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(msgpack.packb(fields))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x94\x00\x01",  # ends in the middle
        msgpack.packb([2, "goodbye", []]) + b"\x00",  # goes on after the end
        b"\x93\x02\xa2\xff\xfe\x90",  # text that is not UTF-8
        b"\x91" * 5000 + b"\x90",  # deeper than anybody counts
        b"\xdd\xff\xff\xff\xff",  # an array of four milliards of nothing
        b"\x93\x02\xa1m\x91\xc7\x0c\xff" + b"\xff" * 12,  # a time that there is not
        b"\x93\x02\xa1m\x91\x81\x90\x01",  # a map with an array for a key
    ],
)
def test_broken_msgpack_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="not "):
        decode(body)


def _of_size(size: int) -> Notification:
    """A message that has exactly so many bytes."""
    spare = len(encode(Notification("m", [bytes(MAX_MESSAGE // 2)]))) - MAX_MESSAGE // 2
    return Notification("m", [bytes(size - spare)])


def test_the_largest_message_arrives() -> None:
    body = encode(_of_size(MAX_MESSAGE))
    assert len(body) == MAX_MESSAGE
    assert encode(decode(body)) == body


def test_a_larger_message_is_our_own_mistake_when_we_send_it() -> None:
    with pytest.raises(LocalProtocolError, match="65537 bytes"):
        encode(_of_size(MAX_MESSAGE + 1))


def test_a_larger_message_is_the_peer_s_fault_when_it_comes() -> None:
    with pytest.raises(RemoteProtocolError, match="more than 65536 bytes"):
        decode(msgpack.packb([2, "m", [bytes(MAX_MESSAGE)]]))
