"""Put the guest's user space together: the base layer of its initial file system.

Debian packages are unpacked, not installed: no maintainer script runs.  What those
would have done and the tests need is done here, by the guest's own programs under
user-mode emulation.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from . import cache, packages
from .cache import Log
from .cpio import Archive

PACKAGES = (
    "base-files",
    "bash",
    "bubblewrap",
    "busybox-static",
    "coreutils",
    "dash",
    "dbus",
    "findutils",
    "grep",
    "kmod",
    "libckteec0t64",
    "libteec2",
    "login",
    "mount",
    "opensc",
    "optee-test-qemu",
    "passwd",
    "procps",
    "python3",
    "python3-cffi-backend",
    "python3-msgpack",
    "python3-pytest",
    "python3-pytest-trio",
    "python3-trio",
    "sed",
    "systemd",
    "systemd-sysv",
    "tar",
    "tee-supplicant",
    "udev",
    "util-linux",
)

_USERS = Path(__file__).resolve().parent.parent / "users.conf"
_MERGED = ("bin", "lib", "sbin")
_LEFT_OUT = (
    "usr/lib/aarch64-linux-gnu/gconv",
    "usr/games",
    "usr/lib/python3.*/ensurepip",
    "usr/lib/python3.*/idlelib",
    "usr/lib/python3.*/lib2to3",
    "usr/lib/python3.*/test",
    "usr/lib/udev/hwdb.*",
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/zsh",
)


@dataclass(frozen=True)
class Base:
    """The base layer, and the same as a directory to run the guest's programs from."""

    layer: Path
    root: Path

    def compile_python(self, directory: Path, seen_as: str, log: Log) -> None:
        """Byte-compile *directory*, which the guest will have at *seen_as*.

        For good: the guest looks at no source file's time, since none is kept.
        """
        _run_guest_program(
            *(self.root, log, "usr/bin/python3", "-m", "compileall", "-q"),
            *("--invalidation-mode", "unchecked-hash"),
            *("-s", str(directory), "-p", seen_as, str(directory)),
        )


def build(kit: Path, kernel: Path) -> Base:
    """Make the base layer; *kit* holds optee-os-dev, *kernel* has modules/."""
    debs = packages.closure("guest-packages", PACKAGES)

    def make(target: Path, log: Log) -> None:
        root = target / "root"
        for name in _MERGED:
            (root / "usr" / name).mkdir(parents=True)
            (root / name).symlink_to(f"usr/{name}")
        packages.unpack(debs.glob("*.deb"), root, log)
        for pattern in _LEFT_OUT:
            for path in root.glob(pattern):
                log.run("rm", "-r", path)
        _add_standard_applications(kit, root, log)
        shutil.copytree(kernel / "modules", root / "usr/lib/teed-vm/modules")
        _add_users(root, log)
        for name in ("dev", "proc", "results", "run", "sys", "var/lib/tee"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "results").chmod(0o1777)
        Base(target, root).compile_python(root / "usr/lib", "/usr/lib", log)
        with Archive(target / "base.cpio") as archive:
            archive.tree(root)
            archive.character_device("dev/console", 5, 1)

    recipe = Path(__file__).read_bytes()
    inputs = (recipe, _USERS.read_bytes(), debs.name, kit.name, kernel.name)
    made = cache.entry("base", inputs, make)
    return Base(made / "base.cpio", made / "root")


def _add_standard_applications(kit: Path, root: Path, log: Log) -> None:
    """Add the trusted applications that come with OP-TEE, PKCS#11 among them."""
    scratch = root / "scratch"
    for deb in kit.glob("optee-os-dev_*.deb"):
        log.run("dpkg-deb", "--extract", deb, scratch)
    built = scratch / "usr/lib/optee-os-dev/vexpress-qemu_armv8a/ta"
    for application in built.glob("*.ta"):
        shutil.copy(application, root / "usr/lib/optee_armtz")
    log.run("rm", "-r", scratch)


def _add_users(root: Path, log: Log) -> None:
    shutil.copy(_USERS, root / "usr/lib/sysusers.d/teed-vm.conf")
    _run_guest_program(root, log, "usr/bin/systemd-sysusers", f"--root={root}")
    for name in ("shadow", "gshadow"):
        (root / "etc" / name).chmod(0o640)
    for user in ("tester", "other"):  # /init makes them their owners
        (root / "home" / user).mkdir(parents=True)


def _run_guest_program(root: Path, log: Log, program: str, *arguments: str) -> None:
    log.run("qemu-aarch64-static", "-L", root, root / program, *arguments)
