"""Compiles what measures: the programs of native/, and teed's C client library."""

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

from measuring import Failed, Missing

REPOSITORY = Path(__file__).resolve().parents[2]
NATIVE = Path(__file__).resolve().parent / "native"

_LIBRARY = REPOSITORY / "client/libteec"
_SECONDS = 120


@functools.cache
def scratch() -> Path:
    """A folder of this run's own, for whatever it makes; removed by *clear*."""
    return Path(tempfile.mkdtemp(prefix="teed-bench-"))


def clear() -> None:
    """Remove what was made; at the end of the run."""
    if scratch.cache_info().currsize:
        shutil.rmtree(scratch(), ignore_errors=True)
    for made in (scratch, program, teec_program, libteec):
        made.cache_clear()


@functools.cache
def program(source: str | Path, *flags: str) -> Path:
    """The program of one C file: the name of one of native/ without its .c, or any path."""
    path = NATIVE / f"{source}.c" if isinstance(source, str) else source
    made = Path(tempfile.mkdtemp(dir=scratch())) / path.stem
    command = ["gcc", "-O2", "-g", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-pthread"]
    _run([*command, f"-I{NATIVE}", str(path), "-o", str(made), *flags])
    return made


@functools.cache
def teec_program(source: str | Path, *flags: str) -> Path:
    """The same, linked with teed's libteec.so.2, wherever it is run from."""
    library = libteec()
    return program(
        source,
        f"-I{_LIBRARY}/include",
        f"-L{library}",
        f"-Wl,-rpath,{library}",
        *flags,
        "-lteec",
    )


@functools.cache
def libteec() -> Path:
    """The folder of teed's libteec.so.2, as it is shipped."""
    folder = scratch() / "libteec"
    _run(["make", "-s", "-C", str(_LIBRARY), f"O={folder}"])
    return folder


def _run(command: list[str]) -> None:
    for needed in {command[0], "gcc"}:
        if shutil.which(needed) is None:
            raise Missing(f"no {needed} (apt install gcc libc6-dev make)")
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode != 0:
        raise Failed(f"{command[0]} could not make {command[-1]}:\n{done.stderr}")
