"""Compile the library and the test programs, once for each flavour, and run them."""

import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARY = REPOSITORY / "client/libteec"
PROGRAMS = Path(__file__).resolve().parent / "programs"

FLAVOURS = {"plain": "", "memory": "address,undefined", "threads": "thread"}
"""What each flavour asks gcc's sanitizers to watch."""

_OPTIONS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1",
    "TSAN_OPTIONS": "halt_on_error=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
_SECONDS = 120


class Build:
    """The library in one flavour, in a directory of its own."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self._sanitize = FLAVOURS[name]
        self._made = False

    @property
    def library(self) -> Path:
        """The library, made if it is not there yet."""
        if not self._made:
            make(f"O={self.directory}", f"SANITIZE={self._sanitize}")
            self._made = True
        return self.directory / "libteec.so.2"

    def program(self, name: str) -> Path:
        """The program *name*, linked with this library."""
        program = self.directory / name
        if not program.exists():
            assert self.library.exists()
            flags = [f"-fsanitize={self._sanitize}"] if self._sanitize else []
            compile_c(
                *("-g", "-O1", "-pthread", *flags, f"-I{LIBRARY}/include"),
                *(PROGRAMS / f"{name}.c", "-o", program),
                *(f"-L{self.directory}", "-lteec", "-ldl"),
            )
        return program

    def start(
        self, name: str, *arguments: str, socket: Path, **environment: str
    ) -> "subprocess.Popen[str]":
        """Start the program; it talks over stdin and stdout."""
        command = [str(self.program(name)), *arguments]
        if self.name == "threads":  # gcc 12's sanitizer knows only the usual addresses
            command = ["setarch", "--addr-no-randomize", *command]
        return subprocess.Popen(
            command,
            env=os.environ
            | _OPTIONS
            | {"LD_LIBRARY_PATH": str(self.directory), "TEED_SOCKET": str(socket)}
            | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, name: str, *arguments: str, socket: Path, **environment: str) -> str:
        """Run the program to its end, which must be a good one; what it printed."""
        with self.start(name, *arguments, socket=socket, **environment) as process:
            return finish(process)


def finish(process: "subprocess.Popen[str]", said: str | None = None) -> str:
    """Wait for the end of a program, after telling it *said*; what it printed."""
    try:
        output, errors = process.communicate(said, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, f"{process.args}: {process.returncode}\n{output}{errors}"
    return output


def make(*arguments: str) -> None:
    subprocess.run(
        ["make", "-s", "-C", str(LIBRARY), *arguments],
        check=True,
        timeout=_SECONDS,
    )


def compile_c(*arguments: str | Path, compiler: str = "gcc") -> None:
    strict = ("-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror")
    subprocess.run([compiler, *strict, *map(str, arguments)], check=True, timeout=_SECONDS)
