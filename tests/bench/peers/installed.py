"""What the peers need of Debian, and where it is.

For all of them but dbus-broker, which is said below:

    apt install --no-install-recommends dbus libp11-kit-dev libpcsclite-dev libsystemd-dev \\
        libtss2-dev libtss2-tcti-tabrmd0 p11-kit p11-kit-modules pcscd pkg-config softhsm2 \\
        swtpm tpm2-abrmd vsmartcard-vpcd
"""

import os
import shutil
import subprocess
from pathlib import Path

from measuring import Missing

PACKAGES = {
    "p11-kit": "p11-kit p11-kit-modules libp11-kit-dev softhsm2",
    "pcscd": "pcscd libpcsclite-dev vsmartcard-vpcd",
    "dbus-daemon": "dbus libsystemd-dev",
    "dbus-broker": "dbus-broker libsystemd-dev, which makes it the system's own bus, too",
    "tpm2-abrmd": "tpm2-abrmd swtpm libtss2-dev libtss2-tcti-tabrmd0 dbus",
}
"""Debian's dbus-broker takes the place of the system's dbus-daemon at the next boot."""


def program(name: str, peer: str) -> Path:
    """Where it is; a daemon may be where only root looks."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise _missing(name, peer)
    return Path(found)


def file(folder: Path, pattern: str, peer: str) -> Path:
    """The one in *folder* that fits."""
    for found in sorted(folder.glob(pattern)):
        return found
    raise _missing(str(folder / pattern), peer)


def flags(library: str, peer: str) -> list[str]:
    """What a program needs to be compiled and linked with a library."""
    return _pkg_config(library, peer, "--cflags", "--libs").split()


def folder_of(library: str, variable: str, peer: str) -> Path:
    """A folder that the library was built with."""
    return Path(_pkg_config(library, peer, f"--variable={variable}"))


def _pkg_config(library: str, peer: str, *wanted: str) -> str:
    if shutil.which("pkg-config") is None:
        raise Missing("no pkg-config (apt install pkg-config)")
    asked = ["pkg-config", *wanted, library]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise _missing(f"{library}.pc", peer)
    return done.stdout.strip()


def _missing(what: str, peer: str) -> Missing:
    return Missing(f"no {what} (apt install {PACKAGES[peer]})")
