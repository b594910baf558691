"""Build the flash image: Arm Trusted Firmware, with Debian's OP-TEE inside.

The firmware starts OP-TEE and then jumps straight to a Linux kernel in memory; see
machine.py, which puts it there.
"""

from pathlib import Path

from . import cache
from .cache import Log

KERNEL_ADDRESS = 0x48000000

_FLASH_BYTES = 64 << 20
_FIP_OFFSET = 256 << 10


def build(kit: Path) -> Path:
    """Make flash.bin from *kit*, a directory with Debian packages and sources."""

    def make(target: Path, log: Log) -> None:
        scratch = target / "scratch"
        scratch.mkdir()
        for deb in kit.glob("optee-os_*.deb"):
            log.run("dpkg-deb", "--extract", deb, scratch / "optee")
        for description in kit.glob("arm-trusted-firmware_*.dsc"):
            log.run("dpkg-source", "--extract", description, scratch / "source")
        optee = scratch / "optee/usr/lib/optee/vexpress-qemu_armv8a"
        log.run("make", "-j2", "-C", scratch / "source", *_options(optee))
        output = scratch / "source/build/qemu/release"
        with (target / "flash.bin").open("wb") as flash:
            flash.write((output / "bl1.bin").read_bytes())
            flash.seek(_FIP_OFFSET)
            flash.write((output / "fip.bin").read_bytes())
            flash.truncate(_FLASH_BYTES)
        log.run("rm", "-r", scratch)

    recipe = Path(__file__).read_bytes()
    return cache.entry("firmware", [recipe, kit.name], make) / "flash.bin"


def _options(optee: Path) -> list[str]:
    return [
        "CROSS_COMPILE=aarch64-linux-gnu-",
        "PLAT=qemu",
        "SPD=opteed",
        "DEBUG=0",
        "QEMU_USE_GIC_DRIVER=QEMU_GICV3",
        "BL32_RAM_LOCATION=tdram",
        f"BL32={optee}/tee-header_v2.bin",
        f"BL32_EXTRA1={optee}/tee-pager_v2.bin",
        f"BL32_EXTRA2={optee}/tee-pageable_v2.bin",
        "ARM_LINUX_KERNEL_AS_BL33=1",
        f"PRELOADED_BL33_BASE={KERNEL_ADDRESS:#x}",
        "all",
        "fip",
    ]
