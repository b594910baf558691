"""What a hostile client may come up with: requests, almost requests, and noise."""

from typing import Any, NamedTuple

import msgpack
from hypothesis import strategies as st

from teed_protocol.messages import MAX_MESSAGE

TEST_TA = bytes.fromhex("0f5e0cc6903f4a0da4efc58751591d94")
SINGLE_INSTANCE = bytes.fromhex("1adacce6e8074f1fa97990e4d840c79d")
SHARED_INSTANCE = bytes.fromhex("c40f0c941a83432cb7f924a53a99ae35")
HARMLESS = [0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 99]
"""The commands of the test application that do not take their time; 7 panics."""

small = st.integers(0, 6)
u64 = (
    st.sampled_from([0, 1, 16, 4096, 65536, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1]) | small
)
attributes = st.sampled_from([0, 1, 2, 3, 5, 6, 7]) | st.integers(0, 20)
parameter = st.tuples(attributes, u64, u64, small | u64).map(list)
parameters = st.lists(parameter, max_size=5)
uuids = st.sampled_from([TEST_TA, SINGLE_INSTANCE, SHARED_INSTANCE, bytes(16), b"short"])
noise = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=8,
)


def _harmless_opening(given: list[Any]) -> list[Any]:
    """No opening that waits on purpose: the first parameter is not a VALUE_INPUT of 1."""
    first = given[3][0] if given[3] else None
    if first and first[0] == 1 and first[1] & 0xFFFFFFFF == 1:
        first[1] = 2
    return given


openings = st.tuples(uuids, small, st.none() | small, parameters, st.sampled_from([None, "a"]))
methods: dict[str, st.SearchStrategy[list[Any]]] = {
    "hello": st.tuples(st.lists(small), st.text()).map(list),
    "allocate": st.tuples(small | st.sampled_from([4096, 70_000, 2**64 - 1])).map(list),
    "register": st.tuples(st.sampled_from([0, 1, 4096, 8192, 2**64 - 1])).map(list),
    "release": st.tuples(small).map(list),
    "open": openings.map(list).map(_harmless_opening),
    "close": st.tuples(small).map(list),
    "cancel": st.tuples(st.none() | small, small).map(list),
    "status": st.just([]),
}

requests = st.sampled_from(sorted(methods)).flatmap(
    lambda method: st.tuples(st.just(0), small, st.just(method), methods[method])
)
almost = st.tuples(st.integers(0, 3), noise, st.sampled_from(sorted(methods)) | noise, noise)
invocations = st.tuples(
    st.just(0),
    small,
    st.just("invoke"),
    st.tuples(st.sampled_from(HARMLESS), parameters).map(list),
)


@st.composite
def mutated(draw: st.DrawFn, messages: st.SearchStrategy[Any]) -> bytes:
    """A message of which some bytes were changed, or its end is missing, or there is more."""
    body = bytearray(msgpack.packb(draw(messages)))
    for _ in range(draw(st.integers(0, 3))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        del body[draw(st.integers(0, len(body))) :]
    return bytes(body + draw(st.binary(max_size=3)))


def _bodies(messages: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    whole = messages.map(msgpack.packb)
    return st.one_of(
        whole,
        whole,
        whole,
        almost.map(msgpack.packb),
        mutated(messages),
        st.binary(max_size=64),
        st.sampled_from([b"", bytes(MAX_MESSAGE + 1), b"\x91" * 5000]),
    )


class Send(NamedTuple):
    """Send *body* with these descriptors, over the control connection."""

    body: bytes
    descriptors: list[str]


class Invoke(NamedTuple):
    """Send *body* over a channel, if there is one."""

    body: bytes


class HangUp(NamedTuple):
    """Hang up a channel, if there is one; *politely* after a look at what it said."""

    politely: bool


Step = Send | Invoke | HangUp


kinds = st.sampled_from(["memfd", "unsealed", "null", "socket"])
nothing: st.SearchStrategy[list[str]] = st.just([])
steps = st.one_of(
    st.builds(Send, _bodies(requests), nothing | st.lists(kinds, max_size=3)),
    st.builds(Send, requests.map(msgpack.packb), nothing | st.lists(kinds, max_size=1)),
    st.builds(Invoke, _bodies(invocations)),
    st.builds(HangUp, st.booleans()),
)
