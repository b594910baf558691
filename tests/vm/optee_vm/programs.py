"""Cross-compile the C programs that are to run in the guest with either libteec.

They are what a program of Debian's would be: made with the stock headers and linked with the
stock library, knowing nothing of teed.
"""

from pathlib import Path

from . import cache
from .cache import Log
from .cpio import Archive
from .image import Base

_TESTS = Path(__file__).resolve().parents[2]
_PROGRAMS = (
    *(f"libteec/programs/{name}" for name in ("calls", "cancel", "fork", "signals", "small")),
    "libteec/programs/threads",
    "bench/optee/attach",
    "bench/optee/crowd",
    "bench/optee/floor",
    "bench/optee/stalls",
    "bench/optee/timed",
)


def build(kit: Path, base: Base) -> Path:
    """Make programs.cpio, which puts them in /usr/lib/teed-vm."""

    def make(target: Path, log: Log) -> None:
        scratch = target / "scratch"
        scratch.mkdir()
        with Archive(target / "programs.cpio") as archive:
            for source in _PROGRAMS:
                name = Path(source).name
                log.run(
                    *("aarch64-linux-gnu-gcc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall"),
                    *("-pthread", f"-I{headers(kit)}", "-o", scratch / name),
                    *(_TESTS / f"{source}.c", _stock_library(base)),
                    # The library may want a newer C library than the host compiles for.
                    "-Wl,--allow-shlib-undefined",
                )
                archive.file(
                    f"usr/lib/teed-vm/{name}", (scratch / name).read_bytes(), mode=0o755
                )
        log.run("rm", "-r", scratch)

    inputs = [Path(__file__).read_bytes(), kit.name, base.layer.parent.name]
    for path in [_TESTS / f"{source}.c" for source in _PROGRAMS] + _headers():
        inputs += [path.name, path.read_bytes()]
    return cache.entry("programs", inputs, make) / "programs.cpio"


def headers(kit: Path) -> Path:
    """The stock library's headers."""

    def make(target: Path, log: Log) -> None:
        for deb in kit.glob("optee-client-dev_*.deb"):
            log.run("dpkg-deb", "--extract", deb, target)

    return cache.entry("headers", [kit.name], make) / "usr/include"


def _headers() -> list[Path]:
    folders = {(_TESTS / source).parent for source in _PROGRAMS}
    return sorted(header for folder in folders for header in folder.glob("*.h"))


def _stock_library(base: Base) -> Path:
    [library] = base.root.glob("usr/lib/*/libteec.so.2")
    return library
