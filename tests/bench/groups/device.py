"""A call that takes the TEE 30 microseconds: through teed, and made directly."""

from collections.abc import Sequence

from measuring import Subject, calls
from processes import one_cpu
from programs import Nobody, Program, quiet_teed, to_nobody, to_teed
from rounds import Group, Ratio

MICROSECONDS = 30
CALLS = 8_000


def subjects() -> Sequence[Subject]:
    cpus = [one_cpu()]
    load = (1, calls(CALLS))
    teed = quiet_teed("--device", str(MICROSECONDS), cpus=cpus)
    direct = to_nobody("load", f"{MICROSECONDS}:0", *load)
    return [
        Program("direct", Nobody(), direct, cpus),
        Program("teed", teed, to_teed("load", *load), cpus),
    ]


GROUP = Group(
    "device",
    f"a call of {MICROSECONDS} µs, both ends on one processor",
    subjects,
    [Ratio("teed over direct", "teed", "direct", "p50")],
    "Direct is the same C function, called in the client itself.",
)
