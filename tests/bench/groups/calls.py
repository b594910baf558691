"""One client, one request at a time: what an empty invocation costs."""

from collections.abc import Sequence

from measuring import Subject, calls
from processes import one_cpu
from programs import FloorServer, Program, in_python, quiet_teed, to_floor, to_teed
from rounds import Group, Ratio, Samples

C_CALLS = 20_000
PYTHON_CALLS = 8_000
TRIO_CALLS = 4_000


def subjects() -> Sequence[Subject]:
    cpus = [one_cpu()]
    load = ("load", 1, calls(C_CALLS))
    python = in_python("blocking", 1, calls(PYTHON_CALLS))
    trio = in_python("in_trio", 1, calls(TRIO_CALLS))
    return [
        Program("C floor", FloorServer(cpus), to_floor(*load), cpus),
        Program("teed, C client", quiet_teed(cpus=cpus), to_teed(*load), cpus),
        Program("teed, Python client", quiet_teed(cpus=cpus), python, cpus),
        Program("teed, trio client", quiet_teed(cpus=cpus), trio, cpus),
    ]


def p99_over_own_p50(samples: Samples) -> float:
    """How far the slow calls are from the usual ones, with one client in C."""
    sample = samples["teed, C client"]
    return sample.p99 / sample.p50


def floor_p99_over_own_p50(samples: Samples) -> float:
    """The same of the floor: what the machine itself does to a call."""
    sample = samples["C floor"]
    return sample.p99 / sample.p50


GROUP = Group(
    "calls",
    "one client, one request at a time, both ends on one processor",
    subjects,
    [
        Ratio("C client over floor", "teed, C client", "C floor", "p50"),
        Ratio("Python client over floor", "teed, Python client", "C floor", "p50"),
        Ratio("trio client over floor", "teed, trio client", "C floor", "p50"),
        p99_over_own_p50,
        floor_p99_over_own_p50,
    ],
    "The floor is two C processes, SEQPACKET, 79 bytes there and 58 back, with nothing in them "
    "and nothing done for them.",
)
