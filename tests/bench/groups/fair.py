"""A polite client beside one that never stops: how long it waits for its turn."""

from collections.abc import Sequence
from dataclasses import dataclass

from measuring import Sample, Subject, calls
from programs import Nobody, Program, quiet_teed, to_nobody, to_teed
from rounds import Group, Ratio

MICROSECONDS = 100
THREADS = 2
CHANNELS = 64
CALLS = 600


@dataclass
class Polite(Program):
    """The program tells as its last number how many calls the greedy client made."""

    def measure(self) -> Sample:
        told = super().measure()
        latencies, greedy = told.latencies[:-1], told.latencies[-1] / told.seconds
        return Sample(latencies, told.seconds, len(latencies), {"greedy_rate": greedy})


def subjects() -> Sequence[Subject]:
    number = calls(CALLS)
    device, direct = str(MICROSECONDS), f"{MICROSECONDS}:{THREADS}"
    alone, beside = to_teed("fair", 0, number), to_teed("fair", CHANNELS, number)
    return [
        Polite("teed, alone", quiet_teed("--device", device), alone),
        Polite("teed, beside 64", quiet_teed("--device", device), beside),
        Polite("direct, alone", Nobody(), to_nobody("fair", direct, 0, number)),
        Polite("direct, beside 64", Nobody(), to_nobody("fair", direct, CHANNELS, number)),
    ]


GROUP = Group(
    "fair",
    f"a polite client beside a greedy one with {CHANNELS} channels, calls of {MICROSECONDS} µs",
    subjects,
    [
        Ratio("teed, beside over alone, p50", "teed, beside 64", "teed, alone", "p50"),
        Ratio("teed, beside over alone, p99", "teed, beside 64", "teed, alone", "p99"),
        Ratio("direct, beside over alone, p50", "direct, beside 64", "direct, alone", "p50"),
        Ratio("teed over direct, beside, p50", "teed, beside 64", "direct, beside 64", "p50"),
        Ratio("teed over direct, beside, p99", "teed, beside 64", "direct, beside 64", "p99"),
        Ratio(
            "teed over direct, the greedy one's rate",
            "teed, beside 64",
            "direct, beside 64",
            "greedy_rate",
        ),
    ],
    f"Without teed, {CHANNELS} threads and one share {THREADS} secure threads, first come, "
    "first served. All of it on all processors.",
)
