"""The processes that are measured: where they run, and what they hand back.

A measuring program writes to its standard output, and as eight-byte integers of the machine's
own kind: how long the round took in nanoseconds, then the latency of each call.
"""

import functools
import os
import select
import subprocess
import sys
import time
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from measuring import Failed, Sample

SECONDS = 120
"""More than any round takes."""

START_SECONDS = 30

PYTHON = sys.executable

Process = subprocess.Popen[bytes]


def one_cpu() -> int:
    """The processor on which both ends of an exchange run, so that nobody is woken elsewhere.

    The last of the allowed ones: interrupts mostly go to the first.
    """
    return max(os.sched_getaffinity(0))


def start(
    command: Sequence[str | Path],
    cpus: Sequence[int] | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
) -> Process:
    """Start a program on *cpus* (None: wherever it likes), its outputs on pipes."""
    pin = None if cpus is None else functools.partial(os.sched_setaffinity, 0, set(cpus))
    return subprocess.Popen(
        list(map(str, command)),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | dict(environment or {}),
        preexec_fn=pin,
    )


def finish(process: Process) -> bytes:
    """Wait for its end, which must be a good one; what it wrote."""
    try:
        output, errors = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failed(f"{_name(process)} did not end within {SECONDS} s") from None
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip() or "without a word"
        raise Failed(f"{_name(process)} ended with {process.returncode}: {said}")
    return output


def wait_until_it_listens(process: Process) -> None:
    """Returns when a server has said so; Failed, with what it said, when it has ended."""
    assert process.stderr is not None
    said = b""
    deadline = time.monotonic() + START_SECONDS
    while b"listening" not in said:
        left = max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select([process.stderr], [], [], left)
        heard = os.read(process.stderr.fileno(), 4096) if readable else b""
        if not heard:
            end(process)
            words = said.decode(errors="replace").strip() or "without a word"
            raise Failed(f"{_name(process)} did not start: {words}")
        said += heard


def end(process: Process) -> None:
    """Ask a server to end, and make it."""
    process.terminate()
    try:
        process.communicate(timeout=START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def run(
    command: Sequence[str | Path],
    cpus: Sequence[int] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Sample:
    """Run a measuring program to its end; what it measured."""
    return sample(finish(start(command, cpus, environment)))


def sample(output: bytes) -> Sample:
    """What a measuring program wrote."""
    numbers = array("q")
    if len(output) % numbers.itemsize or len(output) < 2 * numbers.itemsize:
        raise Failed(f"a measuring program wrote {len(output)} bytes, which is no measurement")
    numbers.frombytes(output)
    return Sample(numbers[1:], numbers[0] / 1e9, len(numbers) - 1)


def memory(process: int) -> Mapping[str, int]:
    """What the kernel says of a process's memory: Rss, Pss, Anonymous, ... in KiB."""
    _, *lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return {name: int(size.split()[0]) for name, size in (line.split(":") for line in lines)}


def _name(process: Process) -> str:
    arguments = process.args
    assert isinstance(arguments, list)
    return " ".join(Path(argument).name for argument in arguments[:3])
