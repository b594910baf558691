"""Shared memory: what it costs to get, and what it saves."""

from collections.abc import Iterator, Sequence

from measuring import Subject, calls
from processes import one_cpu
from programs import (
    Nobody,
    Program,
    in_python,
    quiet_teed,
    teec_program,
    without_server,
)
from rounds import Group, Ratio

SIZES = {"4 KiB": 4096, "1 MiB": 2**20, "64 MiB": 2**26}
STOCKED = 400
TIMES = 300
OWN = ("own memfd", "own memfd, touched")
LIKE = {"C": OWN[1], "Python": OWN[0]}
"""The C library touches every page when it maps memory, the Python client leaves it."""

CARRIED = 2**20
CARRIES = 1_000


def subjects() -> Sequence[Subject]:
    return [*_allocating(), *_carrying()]


def _allocating() -> Iterator[Subject]:
    cpus = [one_cpu()]
    times = calls(TIMES)
    for words, stocked in (("from stock", STOCKED), ("fresh", 0)):
        for name, size in SIZES.items() if words == "fresh" else [("4 KiB", 4096)]:
            for language, command in (
                ("C", teec_program("allocate", size, times)),
                ("Python", in_python("allocating", size, times)),
            ):
                teed = quiet_teed(cpus=cpus, more=f"[stock]\nsmall = {stocked}\n")
                yield Program(f"{name} {words}, {language}", teed, command, cpus)
    for name, size in SIZES.items():
        for touched, words in enumerate(OWN):
            command = without_server("memfd", size, times, touched)
            yield Program(f"{name}, {words}", Nobody(), command, cpus)


def _carrying() -> Iterator[Subject]:
    cpus = [one_cpu()]
    load = (CARRIED, calls(CARRIES))
    shared = teec_program("carry_to_teed", *load)
    yield Program("1 MiB to teed, shared", quiet_teed(cpus=cpus), shared, cpus)
    for how in ("socket", "memfd"):
        for reads in (0, 1):
            words = f"1 MiB, {how}" + (", and read" if reads else "")
            command = without_server("carry", how, *load, reads)
            yield Program(words, Nobody(), command, cpus)


GROUP = Group(
    "memory",
    "allocate and release, and 1 MiB of data on its way, both ends on one processor",
    subjects,
    [
        *(
            Ratio(
                f"{name} {words}, {language}, over {LIKE[language]}",
                f"{name} {words}, {language}",
                f"{name}, {LIKE[language]}",
                "p50",
            )
            for name, words in (
                ("4 KiB", "from stock"),
                ("4 KiB", "fresh"),
                ("1 MiB", "fresh"),
                ("64 MiB", "fresh"),
            )
            for language in ("C", "Python")
        ),
        Ratio(
            "1 MiB through teed over socket", "1 MiB to teed, shared", "1 MiB, socket", "p50"
        ),
        Ratio("the same without teed", "1 MiB, memfd", "1 MiB, socket", "p50"),
        Ratio(
            "the same, and the other end reads it",
            "1 MiB, memfd, and read",
            "1 MiB, socket, and read",
            "p50",
        ),
    ],
    "The C library touches every page of new memory, the Python client none. Own memfd: made, "
    "mapped, unmapped and closed by one process, for nobody. On its way: the application has "
    "the data in memory of its own, and copies it into shared memory or sends it.",
)
