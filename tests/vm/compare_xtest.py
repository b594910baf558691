#!/usr/bin/env python3
"""Compare what the job `xtest` did straight on the device with the same through teed.

    compare_xtest.py RESULTS [--times]

RESULTS/direct and RESULTS/teed each hold `xtest`, the log of OP-TEE's test suite with the
time before each line, and `calls`, a line for each call of tests/libteec/programs/calls.c.
Prints the counts of both, the calls, and everything that differs; the exit status is 1 when
something does.  A test that fails on both sides is shown, and is no difference.
With --times, prints only how long each case took on both sides.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_STARTED = re.compile(r"[*o] (\w+_\d+(?:\.\d+)*) (.*)")
_ENDED = re.compile(r"  (\w+_\d+(?:\.\d+)*) (OK|FAILED)")
_SUBTESTS = re.compile(r"(\d+) subtests? of which (\d+) failed")
_CASES = re.compile(r"(\d+) test cases? of which (\d+) failed")
_BEGUN = "Run test suite with level="
_FINISHED = "TEE test application done!"


@dataclass
class Test:
    """A case of the suite or a part of one, and what was said while it ran."""

    name: str
    title: str
    started: float
    ended: float
    word: str = "unfinished"
    said: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.ended - self.started

    @property
    def outcome(self) -> str:
        """`skipped` too counts as OK for xtest, which only says so."""
        skipped = self.word == "OK" and any("skip" in line.lower() for line in self.said)
        return "skipped" if skipped else self.word


@dataclass
class Run:
    """One run of the suite; the counts are the suite's own.

    It may be made of several, of which only the first checks as often every time it runs.
    """

    tests: dict[str, Test] = field(default_factory=dict)
    subtests: list[int] = field(default_factory=list)
    cases: int = 0
    failed: int = 0
    begun: int = 0
    ended: int = 0

    @property
    def finished(self) -> bool:
        return self.begun == self.ended == len(self.subtests) > 0

    def outcome(self, name: str) -> str:
        return self.tests[name].outcome if name in self.tests else "missing"

    def whole_cases(self) -> list[Test]:
        return [test for name, test in self.tests.items() if "." not in name]

    def __str__(self) -> str:
        minutes = sum(case.seconds for case in self.whole_cases()) / 60
        end = "" if self.finished else ", and it did not come to its end"
        return (
            f"{sum(self.subtests)} subtests, {self.cases} cases, {self.failed} cases failed, "
            f"{minutes:.1f} min{end}"
        )


def read(lines: Iterable[str]) -> Run:
    """Understand the log of a run; each line begins with the time in seconds."""
    run = Run()
    running: list[Test] = []
    for line in lines:
        time, _, text = line.partition(" ")
        if text.startswith(_BEGUN):
            run.begun += 1
            running.clear()
        elif match := _STARTED.fullmatch(text):
            running.append(Test(match[1], match[2], float(time), float(time)))
            run.tests[match[1]] = running[-1]
        elif (match := _ENDED.fullmatch(text)) and running:
            test = running.pop()
            test.word, test.ended = match[2], float(time)
        elif running:
            running[-1].said.append(text.strip())
        else:
            _count(run, text)
    return run


def _count(run: Run, text: str) -> None:
    if match := _SUBTESTS.fullmatch(text):
        run.subtests.append(int(match[1]))
    elif match := _CASES.fullmatch(text):
        run.cases += int(match[1])
        run.failed += int(match[2])
    elif text == _FINISHED:
        run.ended += 1


def differences(direct: Run, teed: Run) -> Iterator[str]:
    """One line for each test whose outcome differs, and what was said when it failed."""
    for name, test in (direct.tests | teed.tests).items():
        one, other = direct.outcome(name), teed.outcome(name)
        if one == other:
            continue
        yield f"{name} {test.title}: {one} / {other}"
        for side, run in (("direct", direct), ("teed", teed)):
            if run.outcome(name) not in ("OK", "missing"):
                yield from (f"    {side}: {line}" for line in run.tests[name].said)


def compare_suite(direct: Run, teed: Run) -> bool:
    """Print the counts and the differences; True when there are none and all is well."""
    print(f"  direct  {direct}\n  teed    {teed}")
    for name, test in direct.tests.items():
        if direct.outcome(name) == teed.outcome(name) == "FAILED":
            print(f"  failed on both sides: {name} {test.title}")
    different = list(differences(direct, teed))
    if not different and direct.subtests[:1] != teed.subtests[:1]:
        different = ["the numbers of subtests"]
    for line in different:
        print(f"  differs: {line}")
    return not different and direct.finished and teed.finished


def compare_calls(direct: list[str], teed: list[str]) -> bool:
    """Print every call, and both answers where they differ; True when none does."""
    answers, others = (dict(line.split(" ", 1) for line in side) for side in (direct, teed))
    different = 0
    for name in answers | others:
        one, other = (side.get(name, "missing") for side in (answers, others))
        different += one != other
        print(f"  {name} {one}" if one == other else f"  differs: {name} {one} / {other}")
    print(f"  {len(direct)} calls, {different} answered differently")
    return bool(direct) and not different


def print_times(direct: Run, teed: Run) -> None:
    """Print the seconds of each case, the slowest first."""
    for case in sorted(direct.whole_cases(), key=lambda case: case.seconds, reverse=True):
        through = teed.tests[case.name].seconds if case.name in teed.tests else float("nan")
        print(f"{case.seconds:7.1f} {through:7.1f}  {case.name} {case.title}")


def main(arguments: list[str]) -> int:
    sides = [Path(arguments[0]) / side for side in ("direct", "teed")]
    direct, teed = (
        read((side / "xtest").read_text(errors="replace").splitlines()) for side in sides
    )
    if "--times" in arguments:
        print_times(direct, teed)
        return 0
    print("-- calls: name, code, origin, what came back")
    calls = compare_calls(*((side / "calls").read_text().splitlines() for side in sides))
    print("-- OP-TEE's test suite")
    suite = compare_suite(direct, teed)
    print("equal" if calls and suite else "not equal")
    return 0 if calls and suite else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
