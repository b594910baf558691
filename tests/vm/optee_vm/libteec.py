"""Cross-compile the project's libteec, for programs of the guest that reach it by teed.

It goes beside the stock library: LD_LIBRARY_PATH=/usr/lib/teed chooses it.
"""

from pathlib import Path

from . import cache
from .cache import Log
from .cpio import Archive

_SOURCES = Path(__file__).resolve().parents[3] / "client/libteec"


def build() -> Path:
    """Make libteec.cpio."""

    def make(target: Path, log: Log) -> None:
        log.run(
            *("make", "-C", _SOURCES, "CC=aarch64-linux-gnu-gcc", f"O={target}/built"),
            *("PREFIX=/usr", f"DESTDIR={target}/root", "install"),
        )
        with Archive(target / "libteec.cpio") as archive:
            archive.tree(target / "root")

    inputs: list[str | bytes] = [Path(__file__).read_bytes()]
    for part in ("Makefile", "include", "libteec.map", "src", "*.in"):
        for path in sorted(_SOURCES.glob(part)):
            inputs += cache.tree(path) if path.is_dir() else [path.name, path.read_bytes()]
    return cache.entry("libteec", inputs, make) / "libteec.cpio"
