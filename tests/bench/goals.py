"""What teed promises of its speed: goals 1 to 8 here, 9 to 12 on the real OP-TEE."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from measuring import Missing
from rounds import Measured, Spread, ratio, ratio_name


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound for a ratio of a group; *at_least* is for what should be much."""

    number: int
    words: str
    bound: float
    group: str
    ratio: str
    at_least: bool = False

    @property
    def sign(self) -> str:
        return "≥" if self.at_least else "≤"

    def is_met_by(self, reached: float) -> bool:
        return reached >= self.bound if self.at_least else reached <= self.bound


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a goal; without *reached*, *why* says why nobody knows."""

    goal: Goal
    reached: Spread | None
    why: str = ""

    @property
    def word(self) -> str:
        if self.reached is None:
            return "not known"
        return "met" if self.goal.is_met_by(self.reached.median) else "MISSED"


_OPTEE = "optee"

GOALS = (
    Goal(1, "empty call, C client, over the C floor", 1.5, "calls", "C client over floor"),
    Goal(1, "the same, the further goal", 1.25, "calls", "C client over floor"),
    Goal(2, "its p99 over its own p50", 2, "calls", "p99 over own p50"),
    Goal(3, "a call of 30 µs, through teed over direct", 1.4, "device", "teed over direct"),
    Goal(4, "time added, over p11-kit's", 0.6, "peers", "teed over p11-kit"),
    Goal(4, "time added, over pcscd's", 0.3, "peers", "teed over pcscd"),
    Goal(4, "time added, over dbus-daemon's", 0.2, "peers", "teed over dbus-daemon"),
    Goal(4, "time added, over tpm2-abrmd's", 0.08, "peers", "teed over tpm2-abrmd"),
    Goal(
        5,
        "64 C clients, calls a second over the floor's",
        1,
        "clients",
        "C x64 over floor",
        True,
    ),
    Goal(
        *(6, "control plane busy, calls a second over idle", 0.9),
        *("busy", "throughput, busy over idle", True),
    ),
    Goal(6, "control plane busy, p99 over idle", 1.5, "busy", "p99, busy over idle"),
    Goal(
        7,
        "empty call, Python client, over the C floor",
        2.3,
        "calls",
        "Python client over floor",
    ),
    Goal(
        8, "1 MiB shared, over a socket copy", 0.45, "memory", "1 MiB through teed over socket"
    ),
    Goal(9, "OP-TEE: empty call, over stock libteec", 1.25, _OPTEE, ""),
    Goal(10, "OP-TEE: a 4 KiB temporary reference, over stock", 0.5, _OPTEE, ""),
    Goal(11, "OP-TEE: attach, over opening with stock", 0.02, _OPTEE, ""),
    Goal(12, "OP-TEE: allocate 4 KiB, over stock", 0.5, _OPTEE, ""),
)


def judge(measured: Sequence[Measured], optee: Mapping[str, Any] | None) -> list[Verdict]:
    """Every goal; *optee* is what bench-optee.json holds, None when there is none."""
    groups = {one.group.name: one for one in measured}
    return [
        _from_optee(goal, optee) if goal.group == _OPTEE else _from_groups(goal, groups)
        for goal in GOALS
    ]


def _from_groups(goal: Goal, groups: Mapping[str, Measured]) -> Verdict:
    if goal.group not in groups:
        return Verdict(goal, None, f"the group {goal.group} was not measured")
    measured = groups[goal.group]
    for of in measured.group.ratios:
        if ratio_name(of) == goal.ratio:
            try:
                return Verdict(goal, ratio(measured, of))
            except Missing as why:
                return Verdict(goal, None, str(why))
    raise LookupError(f"the group {goal.group} has no ratio {goal.ratio!r}")


def _from_optee(goal: Goal, optee: Mapping[str, Any] | None) -> Verdict:
    if optee is None:
        return Verdict(goal, None, "make bench-optee measures it")
    for one in optee["goals"]:
        if one["number"] == goal.number:
            if "median" not in one:
                return Verdict(goal, None, one["why"])
            spread = Spread(one["median"], one["low"], one["high"], tuple(one["rounds"]))
            return Verdict(goal, spread)
    return Verdict(goal, None, "the last run of make bench-optee did not measure it")
