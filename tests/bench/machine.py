"""The machine that measures, in the words that a reader of the numbers needs."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Processor, kernel, tools, and how busy the machine is at this moment."""
    flags = _cpuinfo("flags").split()
    return {
        "processor": _cpuinfo("model name") or platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "virtual": "hypervisor" in flags,
        "linux": platform.release(),
        "python": platform.python_version(),
        "gcc": _first_line("gcc", "--version"),
        "commit": _first_line("git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"),
        "load": os.getloadavg()[0],
    }


def in_words(machine: dict[str, Any]) -> str:
    kind = "virtual, " if machine["virtual"] else ""
    return (
        f"{machine['processor']}, {machine['processors']} processors, {kind}"
        f"Linux {machine['linux']}, Python {machine['python']}, "
        f"load {machine['load']:.2g} at the start"
    )


def _cpuinfo(key: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _first_line(*command: str) -> str:
    """What a command says first; nothing when it is not there."""
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.splitlines()[0] if said else ""
