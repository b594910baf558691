"""The core reads and writes invocations as teed_protocol does, to the byte."""

from typing import Any

import msgpack
from hypothesis import example, given, settings
from hypothesis import strategies as st
from teed.channels._core import ffi, lib

from teed_protocol.calls import Invoke
from teed_protocol.errors import RemoteProtocolError
from teed_protocol.fields import Parameter
from teed_protocol.messages import MAX_MESSAGE, Request, Response, decode, encode

u32 = st.integers(0, 2**32 - 1) | st.sampled_from([0, 127, 128, 255, 256, 65535, 65536])
u64 = st.integers(0, 2**64 - 1) | u32
attributes = st.sampled_from([0, 1, 2, 3, 5, 6, 7])
parameters = st.lists(st.tuples(attributes, u64, u64, u64), max_size=4)
numbers = st.integers(-(2**63), 2**64 - 1)
anything = st.recursive(
    numbers
    | st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)


def _read(body: bytes) -> tuple[int, int, list[tuple[int, ...]]] | None:
    """What the core makes of it: id, command and parameters; None when it is something else."""
    # Exactly as much memory as there are bytes, so that a sanitizer notices one too many.
    octets = ffi.new("uint8_t[]", body)
    call = ffi.new("struct teed_invoke *")
    if not lib.teed_decode(octets, len(body), call):
        return None
    params = [(each.attr, each.a, each.b, each.c) for each in call.params[0:4]]
    return call.arg.cancel_id, call.arg.func, params[: call.arg.num_params]


def _expected(body: bytes) -> tuple[int, int, list[tuple[int, ...]]] | None:
    """The same from teed_protocol."""
    try:
        message = decode(body)
        if not isinstance(message, Request) or message.method != Invoke.METHOD:
            return None
        call = Invoke.from_wire(message.params)
    except RemoteProtocolError:
        return None
    return message.id, call.command, [tuple(each) for each in call.parameters]


def _written(number: int, result: int, origin: int, params: list[tuple[int, ...]]) -> bytes:
    call = ffi.new("struct teed_invoke *")
    call.arg.cancel_id, call.arg.ret, call.arg.ret_origin = number, result, origin
    call.arg.num_params = len(params)
    for place, each in enumerate(params):
        call.params[place] = each
    body = ffi.new("uint8_t[]", lib.TEED_MAX_INVOKE)
    return bytes(ffi.buffer(body, lib.teed_encode(call, body)))


def _wide(value: Any, width: int) -> bytes:
    """msgpack whose numbers, texts and arrays have one of the wider forms that hold them."""
    long = width % 2
    if isinstance(value, list):
        head = bytes([0xDC + long]) + len(value).to_bytes(4 if long else 2)
        return head + b"".join(
            _wide(each, width // 2 + place) for place, each in enumerate(value)
        )
    if isinstance(value, str):
        return bytes([0xDA + long]) + len(value).to_bytes(4 if long else 2) + value.encode()
    form = width % 8
    size = 1 << form % 4
    if value >= 1 << (8 * size - form // 4):  # the sign takes a bit
        return _wide(value, form + 1)
    return bytes([0xCC + form]) + value.to_bytes(size)


@settings(deadline=None)
@given(u32, u32, parameters)
def test_what_a_client_sends_is_read(
    number: int, command: int, asked: list[tuple[int, ...]]
) -> None:
    body = encode(Request(number, "invoke", [command, asked]))
    assert _read(body) == (number, command, asked)
    assert len(body) <= lib.TEED_MAX_INVOKE


@settings(deadline=None)
@given(u32, u32, parameters, st.integers(0, 2**20))
def test_integers_and_lengths_of_any_width_are_read(
    number: int, command: int, asked: list[tuple[int, ...]], width: int
) -> None:
    wide = _wide([0, number, "invoke", [command, [list(each) for each in asked]]], width)
    assert _expected(wide) == _read(wide) == (number, command, asked)
    assert len(wide) <= lib.TEED_MAX_INVOKE


def test_the_longest_invocation_has_room() -> None:
    array, number = b"\xdd\0\0\0", b"\xcf" + bytes(8)
    parameter = array + b"\x04" + 4 * number
    longest = array + b"\x04" + number + number + b"\xdb\0\0\0\x06invoke"
    longest += array + b"\x02" + number + array + b"\x04" + 4 * parameter
    assert _read(longest) == _expected(longest) == (0, 0, [(0, 0, 0, 0)] * 4)
    assert len(longest) <= lib.TEED_MAX_INVOKE


@settings(deadline=None)
@given(u32, u32, u32, parameters)
def test_what_is_answered_is_what_msgpack_would_write(
    number: int, result: int, origin: int, got: list[tuple[int, ...]]
) -> None:
    body = _written(number, result, origin, got)
    assert body == encode(
        Response(number, None, [result, origin, [Parameter(*g) for g in got]])
    )
    assert len(body) <= lib.TEED_MAX_INVOKE


@settings(max_examples=300, deadline=None)
@given(u32, u32, parameters, st.data())
def test_a_message_that_was_tampered_with_is_read_as_python_reads_it(
    number: int, command: int, asked: list[tuple[int, ...]], data: st.DataObject
) -> None:
    body = bytearray(encode(Request(number, "invoke", [command, asked])))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["change", "drop", "add", "cut"])):
            case "change":
                body[place] = data.draw(st.integers(0, 255))
            case "drop" if len(body) > 1:
                del body[place]
            case "add":
                body.insert(place, data.draw(st.integers(0, 255)))
            case "cut" if place:
                del body[place:]
    assert _read(bytes(body)) == _expected(bytes(body))


@settings(max_examples=300, deadline=None)
@given(anything | st.tuples(st.just(0), u32, st.just("invoke"), anything))
@example([0, 1, "invoke", [0]])
@example([0, 1, "invoke", [0, [], None]])
@example([0, 1, b"invoke", [0, []]])
@example([False, 1, "invoke", [0, []]])
@example([0, 2**32, "invoke", [0, []]])
@example([0, 1, "invoke", [2**32, []]])
@example([0, 1, "invoke", [0, [[4, 0, 0, 0]]]])
@example([0, 1, "invoke", [0, [[8, 0, 0, 0]]]])
@example([0, 1, "invoke", [0, [[0, -1, 0, 0]]]])
@example([0, 1, "invoke", [0, [[0, -100, 0, 0]]]])
@example([0, 1, "invoke", [0, [[0, -(2**63), 0, 0]]]])
@example([0, 1, "invoke", [0, [[0, 0, 0, 0]] * 5]])
@example([0, 1, "invoke", [0, [[0, 0, 0]]]])
@example([0, 1, "invoke", {}])
@example([1, 1, None, [0, 4, []]])
@example([2, "invoke", [0, []]])
@example([0, 1, "invoked", [0, []]])
@example([0, 1, "invoke", [0, []], 0])
def test_whatever_msgpack_can_say_is_read_as_python_reads_it(value: object) -> None:
    body = msgpack.packb(value)
    assert _read(body) == _expected(body)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
@example(b"")
@example(encode(Request(1, "invoke", [0, []])) + b"\0")
@example(bytes(MAX_MESSAGE + 1))
def test_bytes_without_sense_are_refused_as_python_refuses_them(body: bytes) -> None:
    assert _read(body) == _expected(body)
