"""Take Debian's kernel, and the two modules that make /dev/tee0, from its package."""

import lzma
from pathlib import Path

from . import cache
from .cache import Log

_MODULES = "kernel/drivers/tee/tee.ko.xz", "kernel/drivers/tee/optee/optee.ko.xz"


def unpack(kit: Path) -> Path:
    """A directory with Image, and modules/ with tee.ko and optee.ko."""

    def make(target: Path, log: Log) -> None:
        scratch = target / "scratch"
        for deb in kit.glob("linux-image-*.deb"):
            log.run("dpkg-deb", "--extract", deb, scratch)
        [image] = scratch.glob("boot/vmlinuz-*")
        image.rename(target / "Image")
        [modules] = scratch.glob("usr/lib/modules/*")
        (target / "modules").mkdir()
        for name in _MODULES:
            module = modules / name
            (target / "modules" / module.stem).write_bytes(lzma.decompress(module.read_bytes()))
        log.run("rm", "-r", scratch)

    return cache.entry("kernel", [Path(__file__).read_bytes(), kit.name], make)
