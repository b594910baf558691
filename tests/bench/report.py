"""What was measured, as tables on the terminal and as JSON."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from goals import Verdict
from measuring import Missing, Sample
from rounds import Measured, Samples, figure, ratio, ratio_name

_TIMES = ("p50", "p90", "p99")


def show(measured: Measured) -> None:
    """Print one group: medians over the rounds, ratios with their least and most."""
    group = measured.group
    width = max(
        [*map(len, measured.samples), *(len(ratio_name(of)) for of in group.ratios), 30]
    )
    print(f"\n{group.name}: {group.title}")
    if measured.samples:
        print(f"  {'':{width}} {'p50 µs':>9} {'p90 µs':>9} {'p99 µs':>9} {'calls/s':>9}")
    for subject, samples in measured.samples.items():
        print(f"  {subject:{width}} {_cells(samples)}")
    for subject, why in (measured.missing | measured.failed).items():
        print(f"  {subject:{width}} {why}")
    for of in group.ratios:
        print(f"  {ratio_name(of):{width}} {_ratio(measured, of)}")
    if group.note:
        print(f"  ({group.note})")


def _cells(samples: Sequence[Sample]) -> str:
    times = [_cell(samples, name) if samples[0].latencies else "" for name in _TIMES]
    columns = [*times, _cell(samples, "rate") if samples[0].calls else ""]
    others = [f"{name} {_cell(samples, name)}" for name in samples[0].values]
    return " ".join(f"{text:>9}" for text in columns) + "".join(f"  {o}" for o in others)


def _cell(samples: Sequence[Sample], name: str) -> str:
    return _digits(figure(samples, name).median)


def _digits(number: float) -> str:
    """Three digits that count, and no powers of ten."""
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _ratio(measured: Measured, of: Callable[[Samples], float]) -> str:
    try:
        found = ratio(measured, of)
    except Missing as why:
        return str(why)
    return f"{found.median:9.3g}  ({found.low:.3g} to {found.high:.3g})"


def show_goals(verdicts: Sequence[Verdict]) -> None:
    """Print the goals, what was reached, and by which rounds."""
    print("\ngoals")
    for verdict in verdicts:
        goal, reached = verdict.goal, verdict.reached
        line = f"  {goal.number:>2}  {goal.words:50} {goal.sign} {goal.bound:<5}"
        if reached is None:
            print(f"{line} {verdict.word}: {verdict.why}")
        else:
            spread = f"({reached.low:.3g} to {reached.high:.3g})"
            print(f"{line} {reached.median:<7.3g} {verdict.word:7} {spread}")


def as_json(measured: Sequence[Measured], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Everything but the single calls, of which there are millions."""
    return {
        "groups": [_group(one) for one in measured],
        "goals": [_verdict(one) for one in verdicts],
    }


def write(path: Path, what: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(what, indent=1) + "\n")


def _group(measured: Measured) -> dict[str, Any]:
    group = measured.group
    ratios: dict[str, Any] = {}
    for of in group.ratios:
        try:
            ratios[ratio_name(of)] = asdict(ratio(measured, of))
        except Missing as why:
            ratios[ratio_name(of)] = {"missing": str(why)}
    return {
        "name": group.name,
        "title": group.title,
        "note": group.note,
        "figures": {name: _figures(samples) for name, samples in measured.samples.items()},
        "missing": measured.missing,
        "failed": measured.failed,
        "ratios": ratios,
    }


def _figures(samples: Sequence[Sample]) -> dict[str, Any]:
    """Times in microseconds, rates in calls a second, values in their own units."""
    names = [*(_TIMES if samples[0].latencies else ()), *samples[0].values]
    names += ["rate"] if samples[0].calls else []
    return {name: asdict(figure(samples, name)) for name in names}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    goal = verdict.goal
    told = {"number": goal.number, "words": goal.words, "sign": goal.sign, "bound": goal.bound}
    if verdict.reached is None:
        return told | {"verdict": verdict.word, "why": verdict.why}
    return told | {"verdict": verdict.word} | asdict(verdict.reached)
