"""The tools that the host must have, installed from its own Debian when missing."""

import os
import subprocess
import sys

from .cache import BuildFailed, Log, root

_NEEDED = (
    "dpkg-dev",
    "gcc",
    "gcc-aarch64-linux-gnu",
    "libc6-dev-arm64-cross",
    "libssl-dev",
    "make",
    "python3-cffi",
    "python3-cryptography",
    "qemu-system-arm",
    "qemu-user-static",
    "xz-utils",
)

PYTHON = "/usr/bin/python3"
"""Debian's own interpreter, the one its python3-* packages belong to."""


def prepare() -> None:
    """Install the packages that are missing; needs root only then."""
    missing = sorted(set(_NEEDED) - _installed())
    if not missing:
        return
    if os.geteuid() != 0:
        raise BuildFailed(f"as root: apt-get install {' '.join(missing)}")
    print(f"[vm] installing {' '.join(missing)}", file=sys.stderr)
    log = Log(root() / "logs" / "host-packages.log")
    install = ("apt-get", "install", "-y", "--no-install-recommends", *missing)
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        try:
            log.run(*install, env=quiet)
        except subprocess.CalledProcessError:  # the package lists are old, or none
            log.run("apt-get", "update", env=quiet)
            log.run(*install, env=quiet)
    except subprocess.SubprocessError as exc:
        raise BuildFailed(
            f"installing host packages failed: {exc}\n{log.tail()}\nlog: {log.path}"
        ) from exc


def _installed() -> set[str]:
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f=${db:Status-Status} ${Package}\\n", *_NEEDED],
        capture_output=True,
        text=True,
        check=False,  # it fails when it has never heard of one of them
    )
    lines = [line.split() for line in answer.stdout.splitlines()]
    return {name for status, name in lines if status == "installed"}
