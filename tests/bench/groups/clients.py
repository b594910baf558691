"""Many clients: how many calls a second teed serves."""

from collections.abc import Iterator, Sequence

from measuring import Subject, calls
from processes import one_cpu
from programs import FloorServer, Program, in_python, quiet_teed, to_floor, to_teed
from rounds import Group, Ratio

CLIENTS = (1, 8, 64)
C_CALLS = 48_000
PYTHON_CALLS = 16_000
TRIO_CALLS = 8_000


def subjects() -> Sequence[Subject]:
    return [*_with([one_cpu()], CLIENTS, ""), *_with(None, CLIENTS[-1:], ", all processors")]


def _with(cpus: Sequence[int] | None, numbers: Sequence[int], where: str) -> Iterator[Subject]:
    for number in numbers:
        load = ("load", number, calls(C_CALLS) // number)
        python = in_python("blocking", number, calls(PYTHON_CALLS) // number)
        yield Program(f"C floor x{number}{where}", FloorServer(cpus), to_floor(*load), cpus)
        yield Program(f"teed, C x{number}{where}", quiet_teed(cpus=cpus), to_teed(*load), cpus)
        yield Program(f"teed, Python x{number}{where}", quiet_teed(cpus=cpus), python, cpus)
        trio = in_python("in_trio", number, calls(TRIO_CALLS) // number)
        yield Program(f"teed, trio x{number}{where}", quiet_teed(cpus=cpus), trio, cpus)


GROUP = Group(
    "clients",
    "many clients that never pause, calls a second",
    subjects,
    [
        *(
            Ratio(f"C x{n} over floor", f"teed, C x{n}", f"C floor x{n}", "rate")
            for n in CLIENTS
        ),
        *(
            Ratio(f"Python x{n} over floor", f"teed, Python x{n}", f"C floor x{n}", "rate")
            for n in CLIENTS
        ),
        *(
            Ratio(f"trio x{n} over floor", f"teed, trio x{n}", f"C floor x{n}", "rate")
            for n in CLIENTS
        ),
        Ratio(
            "C x64 over floor, all processors",
            "teed, C x64, all processors",
            "C floor x64, all processors",
            "rate",
        ),
    ],
    "Server and clients on one processor, but where it says otherwise. C clients are threads "
    "of one process, the same program for floor and teed; Python clients are processes, "
    "those of trio tasks of one.",
)
