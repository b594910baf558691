"""The library's msgpack, against Python's: what it says, and what it makes of anything."""

import subprocess
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teed_protocol.errors import Refusal, RemoteProtocolError
from teed_protocol.messages import Notification, Response, decode, encode

from .building import LIBRARY, PROGRAMS, compile_c

NUMBERS = st.integers(0, 2**64 - 1)
U32 = st.integers(0, 2**32 - 1)
CODES = st.integers(1, 2**32 - 1)
FEW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The codec in a program of its own, watched by the sanitizers."""
    program = tmp_path_factory.mktemp("wire") / "wire"
    compile_c(
        *("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
        *(f"-I{LIBRARY}/include", PROGRAMS / "wire.c"),
        *(LIBRARY / "src/wire.c", LIBRARY / "src/message.c", "-o", program),
    )
    return program


def run(codec: Path, mode: str, lines: list[str]) -> list[str]:
    return subprocess.run(
        [codec, mode],
        input="".join(line + "\n" for line in lines),
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    ).stdout.splitlines()


@FEW
@given(st.lists(NUMBERS | U32 | st.integers(0, 300), min_size=1))
def test_requests_are_what_msgpack_would_write(codec: Path, numbers: list[int]) -> None:
    text = "a text of more than thirty-one characters"
    expected = [
        msgpack.packb(
            [
                *(0, number % 2**32, "a-method"),
                [number, None, number.to_bytes(8, "little"), text],
            ]
        ).hex()
        for number in numbers
    ]
    assert run(codec, "put", list(map(str, numbers))) == expected


def test_a_request_that_has_no_room_is_not_half_written(codec: Path) -> None:
    assert run(codec, "overflow", []) == []


results = st.builds(Response, U32, st.none(), st.lists(NUMBERS))
refusals = st.builds(
    Response,
    U32,
    st.builds(Refusal, CODES, U32, st.text(max_size=40), st.text(max_size=300)),
    st.none(),
)
goodbyes = st.builds(
    lambda code, origin: Notification("goodbye", [code, origin, "malformed", "why"]), CODES, U32
)
messages = results | refusals | goodbyes


@FEW
@given(st.lists(messages, min_size=1))
def test_what_teed_says_is_understood(codec: Path, said: list[Any]) -> None:
    packets = [encode(message).hex() for message in said]
    assert run(codec, "hear", packets) == list(map(understood, said))


@pytest.mark.parametrize(
    "number",
    [
        *("07", "cc07", "cd0007", "ce00000007", "cf0000000000000007"),
        *("d007", "d10007", "d200000007", "d30000000000000007"),
    ],
)
def test_a_number_may_have_any_width(codec: Path, number: str) -> None:
    assert run(codec, "hear", [f"9401{number}c0c0"]) == ["response 7 0 1"]


@pytest.mark.parametrize(
    "packet",
    [
        *("", "00", "c0", "94", "9401", "940107", "94010794", "9301c007"),
        *("9400a0c0c0", "9402a0c0c0", "9401ffc0c0", "9401d0ffc0c0"),
        *("9401d3ffffffffffffffffc0c0", "9401d1ff00c0c0", "9401d280000000c0c0"),
        *("9401cf0000000100000000c0c0", "9401a107c0c0", "940107a0c0", "940107900000"),
        *("94010794ce00000000", "940107940002a0a0c0", "9302a0c0", "dc00", "c1"),
        *("9302a8676f6f6462796500c0", "9302dbffffffff676f6f", "ddffffffff0107c0c0"),
    ],
)
def test_nonsense_is_seen_to_be_some(codec: Path, packet: str) -> None:
    assert run(codec, "hear", [packet]) == ["nonsense"]


@FEW
@given(st.lists(st.tuples(messages, st.data()), min_size=1, max_size=20))
def test_no_packet_is_read_beyond_its_end(codec: Path, drawn: list[Any]) -> None:
    packets = []
    for message, data in drawn:
        packet = bytearray(encode(message))
        for _ in range(data.draw(st.integers(0, 3))):
            packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
        packets.append(bytes(packet[: data.draw(st.integers(0, len(packet)))]))
    heard = run(codec, "hear", [packet.hex() for packet in packets])
    for packet, meaning in zip(packets, heard, strict=True):
        try:
            message = decode(packet)
        except RemoteProtocolError:
            continue  # it may be cut where the library has all that it needs
        if isinstance(message, Response):
            assert meaning in (understood(message), "nonsense")


def understood(message: Response | Notification) -> str:
    """What the library is to print for a message that Python has read."""
    match message:
        case Notification(_, [code, origin, *_]):
            return f"goodbye {code} {origin}"
        case Response(number, None, _):
            return f"response {number} 0 1"
        case Response(number, Refusal(code, origin), _):
            return f"response {number} {code} {origin}"
    raise AssertionError(message)
