"""Where temporary references stand: never two calls in one place, and nothing is lost."""

import mmap
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from teed_client import INOUT, INPUT, Context, Session, Temporary
from teed_client.arena import Arena, Block, room_for
from teed_client.core import Client
from teed_client.memory import Memory

from .fake_teed import ARENA, SUCCESS, FakeTeed, Params


def _arena(size: int) -> Arena:
    arena = Arena(size)
    client = Client()
    first = arena.adopt(Memory(client, 1, memoryview(mmap.mmap(-1, size))), 64)
    assert arena.give_back(first) is None
    return arena


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 9)), max_size=60))
def test_blocks_never_overlap_and_all_of_them_come_back(steps: list[tuple[int, int]]) -> None:
    arena = _arena(2048)
    taken: list[Block] = []
    for size, index in steps:
        if index < len(taken):
            assert arena.give_back(taken.pop(index)) is None
        block = arena.take(room_for(size))
        if block is not None:
            taken.append(block)
        places = sorted((each.start, each.start + each.size) for each in taken)
        assert all(end <= start for (_, end), (start, _) in pairwise(places))
        assert all(start >= 0 and end <= 2048 for start, end in places)
    for block in taken:
        arena.give_back(block)
    everything = arena.take(2048)
    assert everything is not None


def test_only_the_first_buffer_is_as_large_as_the_arena() -> None:
    assert Arena(2048).wanted(64) == 2048
    assert Arena(2048).wanted(4096) == 4096
    assert _arena(2048).wanted(64) == 64


def test_references_are_apart_by_whole_cache_lines_and_so_are_empty_ones(
    teed: FakeTeed, session: Session
) -> None:
    places = []

    def note(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        places.extend(offset for _, offset, _, _ in params)
        return SUCCESS

    teed.application = note
    session.invoke(0, *[Temporary(data, INPUT) for data in (b"", b"x", bytes(65), b"")])
    assert places == [0, 64, 128, 256]
    assert [room_for(size) for size in (0, 1, 64, 65)] == [64, 64, 64, 128]


def test_calls_with_temporary_references_share_one_buffer(
    teed: FakeTeed, session: Session
) -> None:
    for _ in range(10):
        session.invoke(0, Temporary(b"a", INPUT), Temporary(bytearray(1000), INOUT))
    assert teed.methods_heard().count("allocate") == 1
    assert ("allocate", [ARENA]) in teed.heard


def test_a_client_without_temporary_references_has_no_arena(
    teed: FakeTeed, session: Session
) -> None:
    session.invoke(0)
    assert "allocate" not in teed.methods_heard()


def test_what_does_not_fit_gets_a_buffer_of_its_own_for_one_call(
    teed: FakeTeed, context: Context, session: Session
) -> None:
    def flip(command: int, params: Params, teed: FakeTeed) -> tuple[int, int]:
        memory = teed.memory(params[0])
        memory[-1] = memory[0] + 1
        return SUCCESS

    teed.application = flip
    session.invoke(0, Temporary(b"the arena is made", INPUT))
    large = bytearray(ARENA + 1)
    session.invoke(0, Temporary(large, INOUT))
    assert large[-1] == 1
    assert teed.wait_until_heard("release") == [2]


def test_a_first_call_that_does_not_fit_leaves_the_arena_to_others(
    teed: FakeTeed, session: Session
) -> None:
    session.invoke(0, Temporary(bytearray(ARENA + 1), INPUT))
    session.invoke(0, Temporary(b"small", INPUT))
    sizes = [params[0] for method, params in teed.heard if method == "allocate"]
    assert sizes == [ARENA + 64, ARENA]
