"""Temporary references of one operation to the same memory: the TEE sees it once."""

from typing import Any

import numpy
import pytest

from teed_client import INOUT, INPUT, OUTPUT, Context, Direction, Session, Temporary, Value

from .fake_teed import ARENA, SUCCESS, FakeTeed, Params


class First:
    """An application that writes through its first reference only, and says how all look."""

    def __init__(self) -> None:
        self.params: Params = []
        self.seen: list[bytes] = []

    def __call__(self, command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        self.params = [list(each) for each in params]
        teed.memory(params[0])[:3] = b"NEW"
        self.seen = [
            bytes(teed.memory(each)) if each[3] in teed.buffers else b"" for each in params
        ]
        return SUCCESS


@pytest.fixture
def first(teed: FakeTeed) -> First:
    teed.application = first = First()
    return first


@pytest.mark.parametrize(
    ("one", "other"), [(INOUT, OUTPUT), (OUTPUT, INOUT), (OUTPUT, OUTPUT), (OUTPUT, INPUT)]
)
def test_what_is_written_through_one_reference_is_seen_through_the_other(
    session: Session, first: First, one: Direction, other: Direction
) -> None:
    memory = bytearray(b"old memory")
    session.invoke(0, Temporary(memory, one), Temporary(memory, other))
    assert memory == b"NEW memory"
    assert first.seen == [memory, memory]


def test_parts_that_overlap_keep_their_distance(session: Session, first: First) -> None:
    memory = bytearray(range(200))
    view = memoryview(memory)
    parts = [view[70:100], view[:80], view[95:96], view[90:200]]
    session.invoke(0, *(Temporary(each, INOUT) for each in parts))
    assert memory == bytes(range(70)) + b"NEW" + bytes(range(73, 200))
    assert first.seen == list(map(bytes, parts))
    assert [offset for _, offset, _, _ in first.params] == [70, 0, 95, 90]


def test_parts_that_only_touch_are_apart(session: Session, first: First) -> None:
    view = memoryview(bytearray(64))
    session.invoke(0, Temporary(view[:32], OUTPUT), Temporary(view[32:], OUTPUT))
    assert [offset for _, offset, _, _ in first.params] == [0, 64]


def test_arrays_that_share_their_memory_do_so_for_the_tee(
    session: Session, first: First
) -> None:
    array = numpy.zeros(8, numpy.uint32)
    session.invoke(0, Temporary(array[2:], OUTPUT), Temporary(array[:4], OUTPUT))
    assert array.tobytes() == bytes(8) + b"NEW" + bytes(21)


def test_what_overlaps_takes_room_once(
    teed: FakeTeed, context: Context, session: Session, first: First
) -> None:
    memory = bytearray(ARENA)
    session.invoke(0, *[Temporary(memory, INOUT)] * 4)
    assert teed.wait_until_heard("allocate") == [ARENA]
    session.invoke(0, *[Temporary(memory, INOUT)] * 4)
    assert teed.methods_heard().count("allocate") == 1


@pytest.mark.parametrize(
    "other", [b"", None, b"constant", memoryview(bytearray(5)).toreadonly()]
)
def test_what_does_not_overlap_has_a_place_of_its_own(
    session: Session, first: First, other: Any
) -> None:
    memory = bytearray(b"old")
    session.invoke(0, Temporary(memory, OUTPUT), Temporary(other, INPUT), Value(1, 2))
    assert memory == b"NEW"
    assert first.seen[1] == bytes(other or b"")
