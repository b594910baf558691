"""docs/protocol.md is the specification: its byte examples are what the code says."""

import json
import re
from pathlib import Path

import msgpack
import pytest

from teed_protocol import calls
from teed_protocol.messages import Notification, Request, Response, decode, encode

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"
CALLS = {
    call.METHOD: call
    for call in vars(calls).values()
    if isinstance(call, type) and hasattr(call, "METHOD")
}
RESULTS = {
    "hello": calls.Welcome,
    "allocate": calls.BufferMade,
    "register": calls.BufferMade,
    "open": calls.Opened,
    "invoke": calls.Invoked,
}


def _examples() -> list[tuple[str, str, bytes]]:
    blocks = re.findall(r"```wire\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [
        (*said.split(": ", 1), bytes.fromhex(octets))
        for said, octets in zip(lines[::2], lines[1::2], strict=True)
    ]


def _value(diagnostic: str) -> object:
    """JSON, plus h'...' for octets."""

    def octets(value: object) -> object:
        if isinstance(value, list):
            return [octets(each) for each in value]
        if isinstance(value, str) and value.startswith("h'"):
            return bytes.fromhex(value[2:-1])
        return value

    return octets(json.loads(re.sub(r"h'[0-9a-f]*'", r'"\g<0>"', diagnostic)))


@pytest.mark.parametrize(("who", "said", "octets"), _examples())
def test_an_example_is_what_its_bytes_say(who: str, said: str, octets: bytes) -> None:
    assert msgpack.unpackb(octets) == _value(said)
    assert encode(decode(octets)) == octets


def test_every_request_and_result_in_the_examples_is_a_known_call() -> None:
    asked: dict[int, str] = {}
    for _, _, octets in _examples():
        match decode(octets):
            case Request(number, method, params):
                asked[number] = method
                call = CALLS[method].from_wire(params)
                assert msgpack.packb(call.to_wire()) == msgpack.packb(params)
            case Response(number, None, result) if asked[number] in RESULTS:
                answer = RESULTS[asked[number]].from_wire(result)
                assert msgpack.packb(answer.to_wire()) == msgpack.packb(result)
            case Notification(method, _):
                assert method == calls.GOODBYE


def test_every_method_has_an_example() -> None:
    shown = [decode(octets) for _, _, octets in _examples()]
    assert {each.method for each in shown if isinstance(each, Request)} == set(CALLS)
