"""Fetch arm64 packages of the guest's Debian release, leaving the host's apt alone."""

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from . import cache
from .cache import BuildFailed, Log

SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

RECIPE = Path(__file__).read_bytes()


def closure(name: str, packages: tuple[str, ...]) -> Path:
    """A directory with *packages* and all they depend on, as .deb files."""

    def fetch(target: Path, log: Log) -> None:
        with _Apt(log, archives=target) as apt:
            apt.get("install", "-y", "--download-only", *packages)
        for left_over in (target / "lock", target / "partial"):
            _remove(left_over)

    return cache.entry(name, [RECIPE, *packages], fetch)


def exactly(name: str, packages: tuple[str, ...], sources: tuple[str, ...]) -> Path:
    """A directory with the .deb files of *packages* and the source of *sources*.

    A package that only names another one of an exact version (linux-image-arm64 does)
    brings that one.
    """

    def fetch(target: Path, log: Log) -> None:
        with _Apt(log) as apt:
            apt.get("download", *map(apt.real_name, packages), cwd=target)
            apt.get("source", "--download-only", *sources, cwd=target)

    return cache.entry(name, [RECIPE, *packages, "sources", *sources], fetch)


def unpack(debs: Iterable[Path], target: Path, log: Log) -> None:
    """Unpack *debs* over each other; no maintainer script runs."""
    for deb in sorted(debs):
        log.run("dpkg-deb", "--extract", deb, target)


def archive() -> str:
    """The address of a Debian archive: the one this machine uses, unless told."""
    chosen = os.environ.get("TEED_DEBIAN_MIRROR")
    if chosen:
        return chosen
    answer = subprocess.run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Origin: Debian",
            "Label: Debian",
            "Component: main",
            "Created-By: Packages",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    for address in answer.stdout.split():
        return address
    raise BuildFailed(
        "this machine's apt knows no Debian archive (is it Debian? did apt-get update "
        "run?): set TEED_DEBIAN_MIRROR to the address of one"
    )


class _Apt:
    """apt-get with a state of its own, in which nothing is installed."""

    def __init__(self, log: Log, archives: Path | None = None) -> None:
        self._log = log
        self._state = cache.root() / f"apt-{SUITE}"
        self._archives = archives
        self._lock = cache.locked("apt")

    def __enter__(self) -> "_Apt":
        self._lock.__enter__()
        (self._state / "lists/partial").mkdir(parents=True, exist_ok=True)
        (self._state / "status").write_text("")
        where = f"URIs: {archive()}\nSuites: {SUITE}\nComponents: main\n"
        (self._state / "debian.sources").write_text(
            f"Types: deb deb-src\n{where}Signed-By: {KEYRING}\n"
        )
        self.get("update")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._lock.__exit__(None, None, None)

    def get(self, *arguments: str, cwd: Path | None = None) -> None:
        self._log.run("apt-get", *self._options(), *arguments, cwd=cwd)

    def real_name(self, package: str) -> str:
        shown = subprocess.run(
            ["apt-cache", *self._options(), "show", package],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        version = re.search(r"^Version: (\S+)$", shown, re.MULTILINE)
        if version is None:
            raise LookupError(f"no package {package}")
        only = re.search(
            rf"^Depends: (\S+) \(= {re.escape(version[1])}\)$", shown, re.MULTILINE
        )
        return only[1] if only else package

    def _options(self) -> list[str]:
        state = self._state
        options = {
            "Dir::Etc::SourceList": state / "debian.sources",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State::Lists": state / "lists",
            "Dir::State::Status": state / "status",
            "Dir::Cache": state,
            "APT::Architecture": "arm64",
            "APT::Architectures": "arm64",
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
        }
        if self._archives is not None:
            (self._archives / "partial").mkdir(exist_ok=True)
            options["Dir::Cache::Archives"] = self._archives
        return [f"-o{name}={value}" for name, value in options.items()]


def _remove(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
