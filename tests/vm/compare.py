#!/usr/bin/env python3
"""Compare the results of one suite on two drivers, from pytest's junit files.

Prints how many tests there are on each and every one whose outcome differs; the exit status
is 1 when a test failed, when one is missing on a side, or when one was skipped on the second
side only, which is the real one; on the first it must say why.
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import NamedTuple


class Outcome(NamedTuple):
    word: str
    why: str = ""


def outcomes(path: Path) -> dict[str, Outcome]:
    """What became of each test in a junit file."""
    found = {}
    for case in ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        found[name] = _outcome(case)
    return found


def _outcome(case: ElementTree.Element) -> Outcome:
    for child in case:
        if child.tag in ("failure", "error"):
            return Outcome("failed", child.get("message", ""))
        if child.tag == "skipped":
            return Outcome("skipped", child.get("message", ""))
    return Outcome("passed")


def main(arguments: list[str]) -> int:
    one, other = (Path(each) for each in arguments)
    sides = {"the emulator": outcomes(one), "the real OP-TEE": outcomes(other)}
    for side, tests in sides.items():
        words = Counter(outcome.word for outcome in tests.values())
        counted = ", ".join(f"{count} {word}" for word, count in sorted(words.items()))
        print(f"on {side:<16} {len(tests)} tests: {counted}")
    first, second = sides.values()
    bad = sum(
        outcome.word == "failed" for tests in sides.values() for outcome in tests.values()
    )
    for name in sorted(first.keys() | second.keys()):
        here, there = (tests.get(name, Outcome("missing")) for tests in (first, second))
        if here.word == there.word:
            continue
        why = here.why or there.why
        print(f"  differs: {name}: {here.word} / {there.word}: {why or 'no reason given'}")
        bad += "missing" in (here.word, there.word) or there.word == "skipped" or not why
    print(
        "they differ, or failed"
        if bad
        else "equal, but for what is listed here with its reason"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
