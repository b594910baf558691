"""Whatever is said at teed's socket, nobody is hurt by it and nothing is left open."""

import os
from pathlib import Path
from typing import Any

import pytest

from .building import Build
from .impostor import HANG_UP, SIZE, WELCOME, Impostor, Words, memfd

LOST = "ffff000e"
COMMUNICATION = 0xFFFF000E
MOST = 2**64 - 1
GOOD = "initialize 00000000 0\nallocate 00000000 0\nopen 00000000 0\n"


def refuses(error: Any) -> Any:
    """Answer with this error."""
    return lambda number, _: ([1, number, error, None], [])


def results(result: Any, *descriptors: Any) -> Any:
    """Answer this result, with a new descriptor from each of *descriptors*."""
    return lambda number, _: (
        [1, number, None, result],
        [descriptor() for descriptor in descriptors],
    )


def says(words: Words) -> Any:
    return lambda number, _: (words, [])


def pipe() -> int:
    reader, writer = os.pipe()
    os.close(writer)
    return reader


def short() -> int:
    descriptor = memfd()
    os.ftruncate(descriptor, SIZE - 1)
    return descriptor


def empty() -> int:
    return os.memfd_create("empty")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (says(b"\xc1"), LOST),
        (says(b"\x00"), LOST),
        (says([]), LOST),
        (says(HANG_UP), LOST),
        (says([1, 99, None, WELCOME]), LOST),
        (says([0, 1, "hello", []]), LOST),
        (results(WELCOME[:6]), LOST),
        (results([2, *WELCOME[1:]]), LOST),
        (results([*WELCOME[:3], -1, 1, 13, SIZE]), LOST),
        (results({}), LOST),
        (results([*WELCOME[:5], 4, SIZE]), "ffff0008"),
        (refuses([0, 2, "", ""]), LOST),
        (refuses([0xFFFF000A, 2, "version", "none"]), "ffff000a"),
        (says([2, "goodbye", [0xFFFF000C, 2, "limit", "too many"]]), "ffff000c"),
        (says([2, "hello", [0xFFFF000C, 2, "limit", "too many"]]), LOST),
        (refuses([0xFFFF0001, 2, "denied", "x" * 60000]), "ffff0001"),
    ],
)
def test_a_strange_hello_makes_no_context(
    builds: dict[str, Build], tmp_path: Path, answer: Any, code: str
) -> None:
    said = run(builds, tmp_path, hello=answer)
    assert said == f"initialize {code} 0\n"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (results([7, SIZE]), "ffff000c"),
        (results([7, SIZE], pipe), "ffff000c"),
        (results([7, SIZE], short), "ffff000c"),
        (results([7, 63], memfd), LOST),
        (results([2**40, SIZE], memfd), LOST),
        (results([7], memfd), LOST),
        (results([7, SIZE], memfd, memfd), "00000000"),
        (refuses([0xFFFF0006, 2, "driver", "EINVAL"]), "ffff000c"),
    ],
)
def test_a_strange_buffer_is_not_mapped(
    builds: dict[str, Build], tmp_path: Path, answer: Any, code: str
) -> None:
    said = run(builds, tmp_path, allocate=answer)
    assert said.splitlines()[1] == f"allocate {code} 0"


@pytest.mark.parametrize("descriptors", [[], [pipe], [short], [empty]])
def test_a_buffer_that_cannot_be_mapped_is_given_back(
    builds: dict[str, Build], tmp_path: Path, descriptors: list[Any]
) -> None:
    answers = {"allocate": results([7, SIZE], *descriptors)}
    with Impostor(tmp_path / "impostor.sock", answers) as impostor:
        builds["memory"].run("steps", socket=impostor.path)
    assert ("release", [7]) in impostor.heard


def test_a_session_without_a_channel_is_closed_again(
    builds: dict[str, Build], tmp_path: Path
) -> None:
    answers = {"open": results([0, 4, [], 5])}
    with Impostor(tmp_path / "impostor.sock", answers) as impostor:
        builds["memory"].run("steps", socket=impostor.path)
    assert ("close", [5]) in impostor.heard


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (results([0, 4, [], 1]), "ffff000c"),
        (results([0, 4, [], None], memfd), LOST),
        (results([0, 4, [[1, 0, 0, 0]], 1], memfd), LOST),
        (results([0, 4], memfd), LOST),
        (results([0xFFFF000D, 3, [], None], memfd), "ffff000d"),
        (refuses([0xFFFF0001, 2, "denied", "no"]), "ffff0001"),
    ],
)
def test_a_strange_opening_makes_no_session(
    builds: dict[str, Build], tmp_path: Path, answer: Any, code: str
) -> None:
    said = run(builds, tmp_path, open=answer)
    assert said.splitlines()[2:] == [f"open {code} 0"]


@pytest.mark.parametrize("arena", [0, 1, 63, 64, MOST])
def test_an_arena_may_have_any_size(
    builds: dict[str, Build], tmp_path: Path, arena: int
) -> None:
    said = run(builds, tmp_path, hello=results([*WELCOME[:6], arena]))
    assert said.splitlines()[3:] == ["64 5", "invoke 00000000 4", "again 00000000 0"]


OUTPUT, VALUE = [6, 0, 64, 7], [3, 6, 0, 0]


@pytest.mark.parametrize(
    ("answer", "code", "back"),
    [
        (results([0, 4, [OUTPUT, VALUE]]), "00000000 4", "64 6"),
        (results([0, 4, [OUTPUT, VALUE]], memfd), "00000000 4", "64 6"),
        (results([0, 4, [[6, 0, MOST, 7], VALUE]]), "00000000 4", f"{MOST} 6"),
        (results([0, 4, [[6, MOST, 64, MOST], VALUE]]), "00000000 4", "64 6"),
        (results([1, 9, [OUTPUT, [3, 2**32 + 8, 0, 0]], "later"]), "00000001 9", "64 8"),
        (results([0, 4, [OUTPUT]]), f"{LOST} 2", "64 5"),
        (results([0, 4, [OUTPUT, VALUE, VALUE]]), f"{LOST} 2", "64 5"),
        (results([0, 4, [OUTPUT, OUTPUT]]), f"{LOST} 2", "64 5"),
        (results([0, 4, [OUTPUT, [3, -1, 0, 0]]]), f"{LOST} 2", "64 5"),
        (results([2**32, 4, [OUTPUT, VALUE]]), f"{LOST} 2", "64 5"),
        (results(None), f"{LOST} 2", "64 5"),
        (says([1, 4711, None, [0, 4, [OUTPUT, VALUE]]]), f"{LOST} 2", "64 5"),
        (says(b"x" * 60000), f"{LOST} 2", "64 5"),
        (says(HANG_UP), f"{LOST} 2", "64 5"),
        (says([2, "goodbye", [0xFFFF0005, 2, "malformed", ""]]), "ffff0005 2", "64 5"),
        (refuses([0xFFFF0006, 2, "bad-buffer", ""]), "ffff0006 2", "64 5"),
    ],
)
def test_a_strange_answer_changes_nothing_but_what_was_asked_for(
    builds: dict[str, Build], tmp_path: Path, answer: Any, code: str, back: str
) -> None:
    said = run(builds, tmp_path, invoke=answer).splitlines()
    assert said[:3] == GOOD.splitlines()
    assert said[3:5] == [back, f"invoke {code}"]


def run(builds: dict[str, Build], directory: Path, **answers: Any) -> str:
    with Impostor(directory / "impostor.sock", answers) as impostor:
        return builds["memory"].run("steps", socket=impostor.path)
