"""The benchmark: ``run.py [GROUP...] [--rounds N] [--quick] [--out DIR]``."""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import building
import goals
import machine
import measuring
import plots
import report
import rounds

HERE = Path(__file__).resolve().parent
RESULTS = building.REPOSITORY / "results"
ROUNDS = 9
QUICK_ROUNDS = 3


def main() -> int:
    """Measure, print, write; 1 when something that is installed has failed."""
    options = _options()
    here = machine.describe()
    print(machine.in_words(here))
    if options.quick:
        measuring.be_quick()
        print("This is a quick run: it shows that the benchmark works, and proves nothing.")
    try:
        measured = [_measure(name, options.rounds) for name in options.groups]
    finally:
        building.clear()
    verdicts = goals.judge(measured, _optee(options.out))
    report.show_goals(verdicts)
    about = {"machine": here, "rounds": options.rounds, "quick": options.quick}
    report.write(options.out / "bench.json", about | report.as_json(measured, verdicts))
    print(f"\nwritten: {options.out / 'bench.json'}")
    if not options.quick:
        _draw(measured, options.plots)
    return 1 if any(one.failed for one in measured) else 0


def _measure(name: str, number: int) -> rounds.Measured:
    group = importlib.import_module(f"groups.{name}").GROUP
    measured = rounds.run(group, number, _tell)
    _tell("")
    report.show(measured)
    sys.stdout.flush()
    return measured


def _tell(words: str) -> None:
    """Say on one line how far it is, where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def _optee(out: Path) -> dict[str, Any] | None:
    """What the benchmark on the real OP-TEE has written, if it has."""
    for file in (out / "bench-optee.json", RESULTS / "bench-optee.json"):
        if file.exists():
            found: dict[str, Any] = json.loads(file.read_text())
            return found
    return None


def _draw(measured: Sequence[rounds.Measured], folder: Path) -> None:
    try:
        for picture in plots.draw(measured, folder):
            print(f"drawn: {picture}")
    except measuring.Missing as why:
        print(f"not drawn: {why}")


def _options() -> argparse.Namespace:
    names = sorted(file.stem for file in (HERE / "groups").glob("[a-z]*.py"))
    parser = argparse.ArgumentParser(prog="bench", description="How fast teed is.")
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"all of them, or: {', '.join(names)}"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default: {ROUNDS}")
    parser.add_argument(
        "--quick", action="store_true", help="less of everything, which proves nothing"
    )
    parser.add_argument(
        "--out", type=Path, default=RESULTS, metavar="DIR", help="for bench.json"
    )
    parser.add_argument(
        "--plots",
        type=Path,
        default=building.REPOSITORY / "docs",
        metavar="DIR",
        help="for the pictures, which a quick run does not draw (default: docs)",
    )
    options = parser.parse_args()
    for name in options.groups:
        if name not in names:
            parser.error(f"there is no group {name} (there are {', '.join(names)})")
    options.groups = options.groups or names
    options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    if options.rounds < 1:
        parser.error("at least one round")
    return options


if __name__ == "__main__":
    sys.exit(main())
