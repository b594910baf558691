"""The layers of the guest's file system that are this repository's own files."""

import shlex
from fnmatch import fnmatch
from pathlib import Path

from . import cache
from .cache import Log
from .cpio import Archive
from .image import Base

REPOSITORY = Path(__file__).resolve().parents[3]

_GUEST = Path(__file__).resolve().parent.parent / "guest"
"""Files of the guest, laid out as in its file system."""

_CONTENT = (
    "client/teed_client",
    "docs",
    "examples",
    "protocol/teed_protocol",
    "pyproject.toml",
    "systemd",
    "teed",
    "tests",
)
_MADE_BY_OTHERS = ("__pycache__", "*.so", ".*", "build")


def guest() -> Path:
    """Make guest.cpio: how the guest starts and runs jobs."""

    def make(target: Path, log: Log) -> None:
        with Archive(target / "guest.cpio") as archive:
            archive.tree(_GUEST)

    inputs = [Path(__file__).read_bytes(), *cache.tree(_GUEST)]
    return cache.entry("guest", inputs, make) / "guest.cpio"


def project(base: Base) -> Path:
    """Make project.cpio: the working tree in /opt/teed, byte-compiled."""
    files = _working_tree()

    def make(target: Path, log: Log) -> None:
        root = target / "root"
        for name, (mode, content) in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(mode)
        base.compile_python(root, "/opt/teed", log)
        with Archive(target / "project.cpio") as archive:
            archive.tree(root, "opt/teed")
        log.run("rm", "-r", root)

    inputs: list[str | bytes] = [Path(__file__).read_bytes(), base.layer.parent.name]
    for name, (mode, content) in files.items():
        inputs += [name, oct(mode), content]
    return cache.entry("project", inputs, make) / "project.cpio"


def job(target: Path, name: str, arguments: list[str]) -> Path:
    """Make job.cpio in *target*: what the guest is to run this time."""
    command = shlex.join([f"/opt/teed/tests/vm/jobs/{name}", *arguments])
    with Archive(target / "job.cpio") as archive:
        script = f"#!/bin/sh\nexec {command}\n"
        archive.file("etc/teed-vm/job", script.encode(), mode=0o755)
    return target / "job.cpio"


def _working_tree() -> dict[str, tuple[int, bytes]]:
    """Mode and content of the project's files, read once: others may be editing them."""
    files: dict[str, tuple[int, bytes]] = {}
    for name in _CONTENT:
        top = REPOSITORY / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            inside = path.relative_to(REPOSITORY)
            if path.is_file() and not _is_product(inside):
                mode = path.stat().st_mode & 0o777 | 0o444
                files[str(inside)] = mode, path.read_bytes()
    return files


def _is_product(path: Path) -> bool:
    return any(fnmatch(part, made) for part in path.parts for made in _MADE_BY_OTHERS)
