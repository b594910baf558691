"""The pictures of docs/performance.md, drawn from a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measuring import Missing, Sample
from rounds import Measured, figure

_COLOURS = ("#555555", "#0b6fb8", "#d1661a", "#7a3fa0")
_SIZE = (7.2, 3.8)


def draw(measured: Sequence[Measured], folder: Path) -> list[Path]:
    """Draw what the groups of this run are enough for; Missing without matplotlib."""
    pyplot = _pyplot()
    groups = {one.group.name: one for one in measured}
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, picture, paint in (
        ("calls", "bench-latency.svg", _latency),
        ("clients", "bench-clients.svg", _clients),
    ):
        if name in groups and groups[name].samples:
            painted, axes = pyplot.subplots(figsize=_SIZE, layout="constrained")
            paint(axes, groups[name].samples)
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(alpha=0.3)
            painted.savefig(folder / picture, metadata={"Date": None})
            pyplot.close(painted)
            drawn.append(folder / picture)
    return drawn


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise Missing("no matplotlib (pip install '.[bench]')") from None
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "teed"
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    return pyplot


def _latency(axes: Any, samples: Mapping[str, Sequence[Sample]]) -> None:
    """Of each subject, how many of its calls were answered by then, all rounds together."""
    for colour, (name, rounds) in zip(_COLOURS, samples.items(), strict=False):
        ordered = sorted(latency for one in rounds for latency in one.latencies)
        marks = [*range(99), *(99 + tenth / 10 for tenth in range(10))]
        at = [ordered[int(len(ordered) * mark / 100)] / 1000 for mark in marks]
        axes.plot(at, marks, color=colour, label=name)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xticks([5, 10, 20, 50, 100, 200])
    axes.minorticks_off()
    axes.set_xlabel("microseconds until the answer (logarithmic)")
    axes.set_ylabel("% of the calls")
    axes.set_title("An empty call, one client, both ends on one processor")
    axes.legend(loc="lower right", frameon=False)


def _clients(axes: Any, samples: Mapping[str, Sequence[Sample]]) -> None:
    """Calls a second of each series named "what xN", its median and extremes."""
    series: dict[str, dict[int, Sequence[Sample]]] = {}
    for name, rounds in samples.items():
        what, _, number = name.rpartition(" x")
        if number.isdecimal():
            series.setdefault(what, {})[int(number)] = rounds
    for colour, (what, by_number) in zip(_COLOURS, series.items(), strict=False):
        numbers = sorted(by_number)
        rates = [figure(by_number[number], "rate") for number in numbers]
        middle = [rate.median / 1000 for rate in rates]
        below = [(rate.median - rate.low) / 1000 for rate in rates]
        above = [(rate.high - rate.median) / 1000 for rate in rates]
        axes.errorbar(
            numbers, middle, [below, above], color=colour, label=what, marker="o", capsize=3
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks([1, 8, 64], ["1", "8", "64"])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("clients")
    axes.set_ylabel("thousand calls a second")
    axes.set_title("Many clients on one processor; bars: the extremes of the rounds")
    axes.legend(frameon=False)
