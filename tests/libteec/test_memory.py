"""References to the same bytes are references to one memory, as with the stock library."""

import mmap
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from .building import Build, finish
from .impostor import SIZE, WELCOME, Impostor, Words, memfd

GP_ONLY = 1
ASIDE = 2000


class Application:
    """What whoever listens has of memory, and what is seen and written there.

    The first command writes "NEW" through its first parameter; if *waits*, it is under way
    until the second one was there.
    """

    def __init__(self, *, waits: bool = False) -> None:
        self.seen: list[bytes] = []
        self.references: list[tuple[int, int]] = []
        self.written = threading.Event()
        self._go_on = threading.Event()
        self._memories: dict[int, mmap.mmap] = {}
        if not waits:
            self._go_on.set()

    def allocate(self, number: int, params: Any) -> tuple[Words, list[int]]:
        descriptor = memfd()
        memory = len(self._memories) + 1
        self._memories[memory] = mmap.mmap(descriptor, SIZE)
        return [1, number, None, [memory, SIZE]], [descriptor]

    def invoke(self, number: int, params: Any) -> tuple[Words, list[int]]:
        command, references = params
        _, offset, size, memory = references[0]
        there = self._memories[memory]
        if command == 1:
            self.references = [(offset, memory) for _, offset, _, memory in references]
            there[offset : offset + 4] = b"NEW\0"
            self.written.set()
            assert self._go_on.wait(timeout=30)
        else:
            self.seen.append(there[offset : offset + size])
            self._go_on.set()
        return [1, number, None, [0, 4, references]], []

    def impostor(self, directory: Path, capabilities: int = 13) -> Impostor:
        welcome = [*WELCOME[:5], capabilities, SIZE]
        return Impostor(
            directory / "impostor.sock",
            {
                "hello": lambda number, _: ([1, number, None, welcome], []),
                "allocate": self.allocate,
                "invoke": self.invoke,
            },
        )


@pytest.mark.parametrize("reference", ["whole", "partial"])
def test_an_output_of_a_call_under_way_is_not_lost_to_another_call(
    build: Build, tmp_path: Path, reference: str
) -> None:
    application = Application(waits=True)
    with (
        application.impostor(tmp_path) as impostor,
        build.start("memory", reference, socket=impostor.path) as process,
    ):
        assert application.written.wait(timeout=60)
        finish(process, "\n")
    during, after = application.seen
    assert during[:4] == b"NEW\0"
    assert during[ASIDE : ASIDE + 1] == (b"z" if reference == "partial" else b"\0")
    assert after[:4] == b"OLD\0"


def test_one_buffer_given_twice_is_one_memory(build: Build, tmp_path: Path) -> None:
    application = Application()
    with application.impostor(tmp_path) as impostor:
        build.run("memory", "aliased", socket=impostor.path)
    first, second = application.references
    assert first == second


def test_overlapping_references_keep_their_distance(build: Build, tmp_path: Path) -> None:
    application = Application()
    with application.impostor(tmp_path) as impostor:
        build.run("memory", "overlapping", socket=impostor.path)
    (start, memory), *others, aside, between = application.references
    assert others == [(start + 100, memory)]
    assert between == (start + 50, memory)
    assert aside[0] >= start + 164


def test_where_memory_cannot_be_registered_each_reference_is_copied(
    plain: Build, tmp_path: Path
) -> None:
    """The stock library copies there: what the last one holds is what is left."""
    application = Application()
    with application.impostor(tmp_path, capabilities=GP_ONLY) as impostor:
        plain.run("memory", "apart", socket=impostor.path)
    first, second = application.references
    assert first != second


def test_two_references_to_a_registered_block_are_one_memory(
    build: Build, tmp_path: Path
) -> None:
    application = Application()
    with application.impostor(tmp_path) as impostor:
        build.run("memory", "block", socket=impostor.path)


def test_a_descriptor_that_nobody_asked_for_is_closed(plain: Build, tmp_path: Path) -> None:
    answers = {"register": lambda number, _: ([1, number, None, [7, SIZE]], [os.dup(0)])}
    with Impostor(tmp_path / "impostor.sock", answers) as impostor:
        plain.run("memory", "unasked", socket=impostor.path)


def test_small_memory_is_its_own_and_zero_and_stays_mapped_until_it_is_released(
    build: Build, socket_path: Path
) -> None:
    build.run("small", socket=socket_path)
