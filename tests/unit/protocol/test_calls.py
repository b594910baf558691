"""What each method takes and gives: every field is checked, and named when it is wrong."""

from contextlib import suppress
from dataclasses import fields
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teed_protocol import calls
from teed_protocol.calls import Answer, Array
from teed_protocol.codes import Attribute
from teed_protocol.errors import RemoteProtocolError
from teed_protocol.fields import Parameter

KINDS = [
    kind
    for kind in vars(calls).values()
    if isinstance(kind, type) and issubclass(kind, Array) and kind not in (Array, Answer)
]

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
texts = st.text(max_size=1024)
parameters = st.lists(
    st.tuples(st.sampled_from(Attribute), u64, u64, u64).map(list), max_size=4
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    calls.U32: u32,
    calls.U64: u64,
    calls.Text: texts,
}
BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "versions": st.lists(u32),
    "uuid": st.binary(min_size=16, max_size=16),
    "group": st.none() | u32,
    "parameters": parameters,
    "share": st.none() | texts,
    "session": st.none() | u32,
}
WRONG: dict[str, list[object]] = {
    "versions": [None, 1, ["1"], [True], [-1], [2**32], {}],
    "uuid": [None, bytes(15), bytes(17), "0123456789abcdef", [0] * 16],
    "group": ["1", -1, 2**32, True, 1.0],
    "parameters": [
        None,
        {},
        [[0, 0, 0, 0]] * 5,
        [None],
        [[0, 0, 0]],
        [[0, 0, 0, 0, 0]],
        [[4, 0, 0, 0]],
        [[8, 0, 0, 0]],
        [[2**63, 0, 0, 0]],
        [[1, -1, 0, 0]],
        [[1, 0, 2**64, 0]],
        [[1, 0, 0, True]],
        [[5, 0, 0, None]],
    ],
    "share": [1, b"name", "x" * 1025, []],
    "client": [None, 1, b"name", "x" * 1025],
    "server": [None, 1],
    "driver": [None, 1],
}
WRONG_NUMBERS = [None, -1, 2**64, 1.0, "1", True, []]


def _strategy(kind: type[Array], name: str) -> st.SearchStrategy[Any]:
    hint = {each.name: each.type for each in fields(kind)}[name]  # type: ignore[arg-type]
    if hint in BY_TYPE:
        return BY_TYPE[hint]
    return BY_NAME[name]


def _names(kind: type[Array]) -> list[str]:
    return [each.name for each in fields(kind)]  # type: ignore[arg-type]


def _wires(kind: type[Array]) -> st.SearchStrategy[list[Any]]:
    return st.tuples(*(_strategy(kind, name) for name in _names(kind))).map(list)


VALID = {
    "versions": [1],
    "client": "me",
    "uuid": bytes(16),
    "parameters": [[3, 1, 2, 0]],
    "server": "teed",
    "driver": "emulator",
    "share": "name",
}


def _valid(kind: type[Array]) -> list[Any]:
    return [VALID.get(name, 7) for name in _names(kind)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(deadline=None)
@given(data=st.data())
def test_what_is_sent_is_what_arrives(kind: type[Array], data: st.DataObject) -> None:
    wire = data.draw(_wires(kind))
    call = kind.from_wire(msgpack.unpackb(msgpack.packb(wire)))
    assert msgpack.unpackb(msgpack.packb(call.to_wire())) == wire


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in KINDS for name in _names(kind)],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_every_field_is_checked_and_named(kind: type[Array], name: str) -> None:
    nil_is_fine = name == "session" and kind in (calls.Opened, calls.Cancel)
    for wrong in WRONG.get(name, WRONG_NUMBERS):
        if wrong is None and nil_is_fine:
            continue
        values = _valid(kind)
        values[_names(kind).index(name)] = wrong
        with pytest.raises(RemoteProtocolError, match=rf"^{name}: "):
            kind.from_wire(values)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("values", [None, {}, "text", b"octets", 7, ()])
def test_what_is_no_array_is_refused(kind: type[Array], values: object) -> None:
    with pytest.raises(RemoteProtocolError, match="array"):
        kind.from_wire(values)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_only_an_answer_may_have_grown(kind: type[Array]) -> None:
    longer = [*_valid(kind), "from a later version"]
    if issubclass(kind, Answer):
        assert kind.from_wire(longer) == kind.from_wire(_valid(kind))
    else:
        with pytest.raises(RemoteProtocolError, match=f"array of {len(_names(kind))}"):
            kind.from_wire(longer)


def test_fields_that_are_missing_at_the_end_are_nil() -> None:
    assert calls.Open.from_wire([bytes(16), 0, None, []]).share is None
    with pytest.raises(RemoteProtocolError, match=r"^parameters: "):
        calls.Open.from_wire([bytes(16), 0, None])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(deadline=None)
@given(values=st.lists(st.none() | st.integers() | st.text() | st.binary() | parameters))
def test_whatever_comes_is_read_or_refused(kind: type[Array], values: list[object]) -> None:
    with suppress(RemoteProtocolError):
        kind.from_wire(values)


@pytest.mark.parametrize(
    ("attr", "memref", "is_in", "is_out"),
    [
        (Attribute.NONE, False, False, False),
        (Attribute.VALUE_INPUT, False, True, False),
        (Attribute.VALUE_OUTPUT, False, False, True),
        (Attribute.VALUE_INOUT, False, True, True),
        (Attribute.MEMREF_INPUT, True, True, False),
        (Attribute.MEMREF_OUTPUT, True, False, True),
        (Attribute.MEMREF_INOUT, True, True, True),
    ],
)
def test_a_parameter_knows_its_direction(
    attr: Attribute, memref: bool, is_in: bool, is_out: bool
) -> None:
    parameter = Parameter(attr)
    assert (parameter.is_memref, parameter.is_input, parameter.is_output) == (
        memref,
        is_in,
        is_out,
    )
