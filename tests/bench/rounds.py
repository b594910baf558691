"""The rounds: everything in a group is measured in turn, again and again.

A machine drifts: its clock, its neighbours and its caches change from one second to the next by
more than what is measured here.  So two subjects are compared within a round, where they ran
side by side, and the rounds' ratios are what the median and the spread are taken of.
Every second round goes backwards, so that nobody always comes after the same neighbour.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from measuring import Failed, Missing, Sample, Subject

Samples = Mapping[str, Sample]
"""One round's samples by their subject's name; Missing for one that could not be had."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """What *of* (p50, p99, rate, ...) is for *over*, divided by what it is for *under*."""

    name: str
    over: str
    under: str
    of: str

    def __call__(self, samples: Samples) -> float:
        return samples[self.over].figure(self.of) / samples[self.under].figure(self.of)


@dataclass(frozen=True)
class Group:
    """Subjects that are measured side by side, and what is compared.

    A ratio may be any function of one round's samples; then its name is the ratio's, its first
    line of documentation says what it is.
    """

    name: str
    title: str
    subjects: Callable[[], Sequence[Subject]]
    ratios: Sequence[Ratio | Callable[[Samples], float]] = ()
    note: str = ""


@dataclass
class Measured:
    """A group after its rounds: every subject's samples, and who has none and why."""

    group: Group
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, the least and the most of them."""

    median: float
    low: float
    high: float
    rounds: tuple[float, ...]


class _Round(dict[str, Sample]):
    """One round's samples, which tells why one is not there."""

    def __init__(self, samples: Mapping[str, Sample], reasons: Mapping[str, str]) -> None:
        super().__init__(samples)
        self._reasons = reasons

    def __missing__(self, name: str) -> Sample:
        if name in self._reasons:
            raise Missing(f"{name}: {self._reasons[name].splitlines()[0]}")
        raise KeyError(name)


def run(group: Group, rounds: int, tell: Callable[[str], None] = lambda _: None) -> Measured:
    """Measure everything in *group*, *rounds* times in turn; *tell* hears how far it is."""
    measured = Measured(group)
    started: list[Subject] = []
    try:
        ready = [subject for subject in group.subjects() if _start(subject, started, measured)]
        for number in range(rounds):
            tell(f"{group.name}: round {number + 1} of {rounds}")
            for subject in ready if number % 2 == 0 else reversed(ready):
                _measure(subject, measured)
    finally:
        for subject in reversed(started):
            subject.stop()
    return measured


def _start(subject: Subject, started: list[Subject], measured: Measured) -> bool:
    started.append(subject)
    try:
        subject.start()
    except Missing as why:
        measured.missing[subject.name] = str(why)
        return False
    except Failed as why:
        measured.failed[subject.name] = str(why)
        return False
    measured.samples[subject.name] = []
    return True


def _measure(subject: Subject, measured: Measured) -> None:
    """One round of one subject; who failed once has no further rounds, and no samples."""
    if subject.name in measured.failed:
        return
    try:
        measured.samples[subject.name].append(subject.measure())
    except Failed as why:
        measured.failed[subject.name] = str(why)
        del measured.samples[subject.name]


def ratio(measured: Measured, of: Callable[[Samples], float]) -> Spread:
    """A ratio of every round; raises Missing where somebody in it could not be had."""
    reasons = measured.missing | measured.failed
    rounds = max((len(samples) for samples in measured.samples.values()), default=0)
    each = [
        _Round({name: samples[n] for name, samples in measured.samples.items()}, reasons)
        for n in range(rounds)
    ]
    if not each:
        raise Missing("nothing was measured")
    return spread([of(one) for one in each])


def ratio_name(of: Callable[[Samples], float]) -> str:
    """What a ratio is called in a table."""
    return of.name if isinstance(of, Ratio) else of.__name__.replace("_", " ")


def figure(samples: Sequence[Sample], name: str) -> Spread:
    """One figure (p50, rate, ...) of one subject over its rounds."""
    return spread([sample.figure(name) for sample in samples])


def spread(rounds: Sequence[float]) -> Spread:
    """The median and the extremes of what the rounds gave."""
    return Spread(statistics.median(rounds), min(rounds), max(rounds), tuple(rounds))
