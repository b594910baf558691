#!/usr/bin/env python3
"""The comparison on the real OP-TEE, inside the machine: stock libteec on the device, and teed.

``measure.py [GROUP...] [--rounds N] [--quick] --out DIR``, with ``tests/bench`` on PYTHONPATH.
Prints every group and writes DIR/bench-optee.json, in which each figure has its median, its
extremes and what the rounds gave.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import comparisons
import measuring
import report
import rounds
from rounds import Measured

_ROUNDS = 9
_QUICK_ROUNDS = 3


def main() -> int:
    """1 when something failed."""
    options = _options()
    if options.quick:
        measuring.be_quick()
    measured = {}
    for name in options.groups:
        measured[name] = rounds.run(comparisons.GROUPS[name], options.rounds)
        report.show(measured[name])
        sys.stdout.flush()
    goals = [_goal(goal, measured) for goal in comparisons.GOALS if goal.group in measured]
    _show(goals)
    written = {
        "where": f"OP-TEE in QEMU, Linux {os.uname().release}, {os.cpu_count()} processors",
        "rounds": options.rounds,
        "groups": [_group(each) for each in measured.values()],
        "goals": goals,
    }
    (options.out / "bench-optee.json").write_text(json.dumps(written, indent=1) + "\n")
    return 1 if any(each.failed for each in measured.values()) else 0


def _group(measured: Measured) -> dict[str, Any]:
    group = measured.group
    return {
        "name": group.name,
        "title": group.title,
        "figures": {name: _figures(of) for name, of in measured.samples.items()},
        "failed": measured.failed,
        "ratios": {
            rounds.ratio_name(of): asdict(rounds.ratio(measured, of))
            for of in group.ratios
            if not measured.failed
        },
    }


def _figures(samples: list[measuring.Sample]) -> dict[str, Any]:
    """Times in microseconds, rates in calls a second."""
    times = ("p50", "p90", "p99") if samples[0].latencies else ("rate",)
    return {name: asdict(rounds.figure(samples, name)) for name in (*times, *samples[0].values)}


def _goal(goal: comparisons.Goal, measured: dict[str, Measured]) -> dict[str, Any]:
    result: dict[str, Any] = {"number": goal.number, "words": goal.words, "bound": goal.bound}
    try:
        reached = asdict(rounds.ratio(measured[goal.group], goal.of))
    except measuring.Missing as why:
        return result | {"met": False, "why": str(why)}
    return result | reached | {"met": reached["median"] <= goal.bound}


def _show(goals: list[dict[str, Any]]) -> None:
    print("\ngoals")
    for goal in goals:
        number = goal["number"] or ""
        reached = f"{goal['median']:.3g}" if "median" in goal else goal["why"]
        word = "met" if goal["met"] else "MISSED"
        print(f"  {number:>2} {goal['words']:76} <= {goal['bound']:<5} {reached:>8}  {word}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    names = list(comparisons.GROUPS)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(names))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="to see that it works")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.groups = options.groups or names
    options.rounds = options.rounds or (_QUICK_ROUNDS if options.quick else _ROUNDS)
    if not set(options.groups) <= set(names):
        parser.error(f"the groups are {', '.join(names)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
