"""The line is fair to owners, not to how much they put in it."""

from typing import Any, Generic, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from teed.channels._core import ffi, lib

T = TypeVar("T")


class Turns(Generic[T]):
    """The core's line, with Python's things in it."""

    def __init__(self) -> None:
        self._turns = ffi.new("struct teed_turns *")
        self._places: list[tuple[Any, T]] = []

    def __bool__(self) -> bool:
        return bool(self._turns.first)

    def put(self, owner: str, item: T) -> None:
        place = ffi.new("struct teed_turn *", {"owner": ord(owner[0])})
        self._places.append((place, item))
        lib.teed_turns_put(self._turns, place)

    def take(self) -> T | None:
        taken = lib.teed_turns_take(self._turns)
        return next((item for place, item in self._places if place == taken), None)

    def remove(self, owner: str, item: T) -> bool:
        """Take the place of this one out of line, or one that is not in it."""
        key = ord(owner[0])
        places = [p for p, each in self._places if each == item and p.owner == key]
        place = places[0] if places else ffi.new("struct teed_turn *", {"owner": key})
        return bool(lib.teed_turns_remove(self._turns, place))


def _take_all(turns: Turns[str]) -> list[str]:
    return list(iter(turns.take, None))


def test_one_owner_s_things_keep_their_order() -> None:
    turns: Turns[str] = Turns()
    for item in "abc":
        turns.put("me", item)
    assert _take_all(turns) == ["a", "b", "c"]


def test_owners_are_served_in_turn_however_much_one_has() -> None:
    turns: Turns[str] = Turns()
    for number in range(4):
        turns.put("greedy", f"g{number}")
    turns.put("polite", "p0")
    turns.put("third", "t0")
    assert _take_all(turns) == ["g0", "p0", "t0", "g1", "g2", "g3"]


def test_who_comes_while_another_is_served_is_next() -> None:
    turns: Turns[str] = Turns()
    for number in range(9):
        turns.put("greedy", f"g{number}")
    served = [turns.take()]
    for number in range(3):
        turns.put("polite", f"p{number}")
        served += [turns.take(), turns.take()]
    assert served == ["g0", "p0", "g1", "p1", "g2", "p2", "g3"]


def test_an_empty_line_has_nothing() -> None:
    turns: Turns[str] = Turns()
    assert turns.take() is None
    assert not turns


def test_what_is_removed_is_not_served() -> None:
    turns: Turns[str] = Turns()
    turns.put("me", "a")
    turns.put("me", "b")
    assert turns.remove("me", "a")
    assert not turns.remove("me", "a")
    assert not turns.remove("you", "b")
    assert _take_all(turns) == ["b"]
    assert not turns


@pytest.mark.parametrize("removed", "abc")
def test_who_comes_after_a_removal_is_still_behind_the_others(removed: str) -> None:
    turns: Turns[str] = Turns()
    for item in "abc":
        turns.put("me", item)
    assert turns.remove("me", removed)
    turns.put("me", "d")
    assert _take_all(turns) == [item for item in "abcd" if item != removed]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=30))
def test_nothing_is_lost_and_nobody_overtakes_himself(items: list[tuple[str, int]]) -> None:
    turns: Turns[tuple[str, int]] = Turns()
    for owner, item in items:
        turns.put(owner, (owner, item))
    served = list(iter(turns.take, None))
    for owner in "abc":
        assert [each for each in served if each[0] == owner] == [
            each for each in items if each[0] == owner
        ]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9), min_size=1))
def test_nobody_gets_a_second_turn_before_everybody_had_a_first(
    waiting: dict[str, int],
) -> None:
    turns: Turns[str] = Turns()
    for owner, count in waiting.items():
        for _ in range(count):
            turns.put(owner, owner)
    served = _take_all(turns)
    assert set(served[: len(waiting)]) == set(waiting)
