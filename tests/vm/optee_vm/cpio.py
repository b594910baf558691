"""Write initramfs archives: the "newc" cpio format, everything owned by root.

The kernel takes several archives one after the other (its
Documentation/driver-api/early-userspace/buffer-format.rst), so an image can be made of
layers, and a file in a later layer replaces one of the same name.
"""

import os
import stat
from pathlib import Path, PurePosixPath
from types import TracebackType


class Archive:
    """One archive being written; directories above a file come by themselves."""

    def __init__(self, path: Path) -> None:
        self._out = path.open("wb")
        self._inode = 0
        self._directories = {PurePosixPath(".")}

    def __enter__(self) -> "Archive":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None:
            self._entry("TRAILER!!!", 0, b"")
        self._out.close()

    def directory(self, name: str, mode: int = 0o755) -> None:
        self._above(name)
        self._directories.add(PurePosixPath(name))
        self._entry(name, stat.S_IFDIR | mode, b"")

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        self._above(name)
        self._entry(name, stat.S_IFREG | mode, data)

    def symlink(self, name: str, target: str) -> None:
        self._above(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, name: str, major: int, minor: int) -> None:
        self._above(name)
        self._entry(name, stat.S_IFCHR | 0o600, b"", (major, minor))

    def tree(self, source: Path, at: str = ".") -> None:
        """Everything under *source*, which appears under *at*; modes are kept."""
        for path in sorted(source.rglob("*")):
            name = str(PurePosixPath(at) / path.relative_to(source))
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                self.symlink(name, os.readlink(path))
            elif stat.S_ISDIR(mode):
                self.directory(name, stat.S_IMODE(mode))
            elif stat.S_ISREG(mode):
                self.file(name, path.read_bytes(), stat.S_IMODE(mode))

    def _above(self, name: str) -> None:
        missing = set(PurePosixPath(name).parents) - self._directories
        for parent in sorted(missing):
            self.directory(str(parent))

    def _entry(
        self, name: str, mode: int, data: bytes, device: tuple[int, int] = (0, 0)
    ) -> None:
        self._inode += 1
        encoded = name.encode() + b"\0"
        # inode, mode, uid, gid, links, mtime, size, device, special device, name, sum
        fields = [self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device]
        fields += [len(encoded), 0]
        self._padded(b"070701" + b"".join(b"%08x" % n for n in fields) + encoded)
        self._padded(data)

    def _padded(self, data: bytes) -> None:
        self._out.write(data)
        self._out.write(bytes(-self._out.tell() % 4))
