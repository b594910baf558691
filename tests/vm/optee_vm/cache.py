"""Keep what is slow to make, under a name that says what it was made from.

An entry is a directory.  It is built beside its final name and renamed into place, so
an interrupted build leaves nothing that a later run could mistake for a good one.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

KEPT = 2
"""Entries of one name to keep: the current one, and one to go back to."""

IN_USE_SECONDS = 3600
"""Another run may be about to boot with an entry that it asked for this recently."""


class BuildFailed(Exception):
    """A step of the build went wrong; the message says which, and where its log is."""


class Log:
    """The log of one build step, and the way to run commands that write to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    def run(
        self,
        *command: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Run *command* with *env* added to the environment; a failure raises."""
        line = " ".join(map(str, command))
        with self.path.open("a") as out:
            print(f"$ {line}", file=out, flush=True)
            subprocess.run(
                list(map(str, command)),
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=True,
                timeout=1800,
            )

    def tail(self, lines: int = 25) -> str:
        return "\n".join(self.path.read_text(errors="replace").splitlines()[-lines:])


def root() -> Path:
    """The directory of all entries."""
    chosen = os.environ.get("TEED_CACHE")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "teed"


def digest(parts: Iterable[str | bytes]) -> str:
    """Name the content of *parts*, in their order."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big"))
        total.update(data)
    return total.hexdigest()[:16]


def tree(directory: Path) -> list[str | bytes]:
    """What *directory* holds, in a form for digest()."""
    parts: list[str | bytes] = []
    for path in sorted(directory.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            parts += [str(path.relative_to(directory)), path.read_bytes()]
    return parts


def entry(name: str, inputs: Iterable[str | bytes], build: Callable[[Path, Log], None]) -> Path:
    """The directory that *build* makes from *inputs*, made now if it is not there yet.

    *inputs* must hold everything the result depends on, the recipe itself included.
    """
    final = root() / f"{name}-{digest(inputs)}"
    if not final.is_dir():
        with locked(name):
            if not final.is_dir():  # another process may have been quicker
                _build(name, final, build)
    os.utime(final)
    return final


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Keep other processes from doing the same work at the same time."""
    root().mkdir(parents=True, exist_ok=True)
    with (root() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(name: str, final: Path, build: Callable[[Path, Log], None]) -> None:
    for left_over in root().glob(f".{name}.partial-*"):
        # We hold the lock: its builder failed, or was killed.
        shutil.rmtree(left_over, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{name}.partial-", dir=root()))
    partial.chmod(0o755)
    log = Log(root() / "logs" / f"{name}.log")
    print(f"[vm] building {name} ...", end=" ", file=sys.stderr, flush=True)
    started = time.monotonic()
    try:
        build(partial, log)
    except (subprocess.SubprocessError, OSError, LookupError) as exc:
        print("failed", file=sys.stderr)
        raise BuildFailed(
            f"building {name} failed: {_reason(exc)}\n{log.tail()}\nwhole log: {log.path}"
        ) from exc
    partial.rename(final)
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    _prune(name)


def _reason(failure: Exception) -> str:
    if isinstance(failure, subprocess.CalledProcessError):
        return f"{failure.cmd[0]} ended with status {failure.returncode}"
    return str(failure)


def _prune(name: str) -> None:
    """Forget the entries of *name* that were used longest ago."""
    entries = [
        path
        for path in root().glob(f"{name}-*")
        if len(path.name) == len(name) + 1 + len(digest([]))
    ]
    entries.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for old in entries[KEPT:]:
        if time.time() - old.stat().st_mtime > IN_USE_SECONDS:
            shutil.rmtree(old)
