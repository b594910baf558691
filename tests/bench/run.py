"""The benchmark: ``run.py [GROUP...] [--rounds N] [--quick] [--out DIR]``."""

import argparse
import importlib
import sys
from pathlib import Path

import building
import measuring
import report
import rounds

HERE = Path(__file__).resolve().parent
ROUNDS = 9
QUICK_ROUNDS = 3


def main() -> int:
    """Measure, print, write; 1 when something failed, or missed its goal."""
    options = _options()
    if options.quick:
        measuring.be_quick()
        print("A quick run: it shows that the benchmark works, and proves nothing.\n")
    try:
        measured = [_measure(name, options.rounds) for name in options.groups]
    finally:
        building.clear()
    report.write(measured, options.out)
    return 1 if any(one.failed for one in measured) else 0


def _measure(name: str, number: int) -> rounds.Measured:
    group = importlib.import_module(f"groups.{name}").GROUP
    measured = rounds.run(group, number, _tell)
    _tell("")
    report.show(measured)
    return measured


def _tell(words: str) -> None:
    """Say on one line how far it is, where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    names = sorted(file.stem for file in (HERE / "groups").glob("[a-z]*.py"))
    parser = argparse.ArgumentParser(prog="bench", description="How fast teed is.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(names))
    parser.add_argument("--rounds", type=int, metavar="N", help=f"default: {ROUNDS}")
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--out", type=Path, default=building.REPOSITORY / "results")
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
