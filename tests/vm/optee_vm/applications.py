"""Build the trusted applications of tests/ta, signed with the kit's test key."""

from pathlib import Path

from . import cache, host
from .cache import Log
from .cpio import Archive

_SOURCES = Path(__file__).resolve().parents[2] / "ta"


def build(kit: Path) -> Path:
    """Make applications.cpio, which puts them where tee-supplicant looks."""

    def make(target: Path, log: Log) -> None:
        scratch = target / "scratch"
        scratch.mkdir()
        for deb in kit.glob("optee-os-dev_*.deb"):
            log.run("dpkg-deb", "--extract", deb, scratch / "kit")
        dev_kit = scratch / "kit/usr/lib/optee-os-dev/vexpress-qemu_armv8a"
        log.run(
            *("make", "-j2", "-C", _SOURCES, f"O={scratch}/built"),
            f"TA_DEV_KIT_DIR={dev_kit}",
            "CROSS_COMPILE=aarch64-linux-gnu-",
            f"PYTHON3={host.PYTHON}",  # signs, with Debian's python3-cryptography
        )
        with Archive(target / "applications.cpio") as archive:
            for built in scratch.glob("built/*/*.ta"):
                archive.file(f"usr/lib/optee_armtz/{built.name}", built.read_bytes())
        log.run("rm", "-r", scratch)

    inputs = [Path(__file__).read_bytes(), kit.name, *cache.tree(_SOURCES)]
    return cache.entry("applications", inputs, make) / "applications.cpio"
