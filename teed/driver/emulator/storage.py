"""Trusted storage: the objects that applications leave behind, as files that protect nothing.

Each application has a folder of its own, named after its UUID, with a file for each of its
objects.  An object's identifier can be any bytes: the file is named after their hexadecimal
digits, so that no identifier leads out of the folder or to another object.
"""

import errno
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from teed.driver.emulator.application import Panic, TaError, require
from teed_protocol.codes import Result
from teed_protocol.errors import TeedError

log = logging.getLogger(__name__)

LONGEST_ID = 64
"""``TEE_OBJECT_ID_MAX_LEN``."""

QUOTA = 16 * 2**20
"""What an application may keep, its objects counted in whole blocks, and one more for each."""

BLOCK = 4096

_FULL = {errno.ENOSPC, errno.EDQUOT}


class StateError(TeedError):
    """The directory that was asked for cannot be used; the text says why."""


class State:
    """The folder for all that the applications store, used by one thread at a time.

    It is one of its own inside *path*.  Without a *path* it is a temporary one, made when an
    application first needs it, and removed in the end.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._temporary: TemporaryDirectory[str] | None = None
        self._path = path and path / "trusted-storage"
        try:
            if self._path is not None:
                self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as why:
            raise StateError(f"nothing can be kept in {path}: {why.strerror}") from why

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """A folder in it, made if it is not there; what the system refuses is a TaError."""
        with self._lock:
            try:
                folder = self._root() / name
                folder.mkdir(mode=0o700, exist_ok=True)
                yield folder
            except OSError as why:
                log.error("trusted storage: %s", why)
                if why.errno in _FULL:
                    raise TaError(Result.ERROR_STORAGE_NO_SPACE) from why
                raise TaError(Result.ERROR_STORAGE_NOT_AVAILABLE) from why

    def close(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()

    def _root(self) -> Path:
        if self._path is None:
            self._temporary = TemporaryDirectory(prefix="teed-emulator-")
            self._path = Path(self._temporary.name)
        return self._path


class TrustedStorage:
    """The persistent objects of one application: ``TEE_STORAGE_PRIVATE``, without handles.

    An object is written and read whole, and what has been written stays when teed ends.
    """

    def __init__(self, state: State, application: UUID) -> None:
        self._state = state
        self._folder = str(application)

    def create(self, object_id: bytes, data: bytes, overwrite: bool = False) -> None:
        """``TEE_CreatePersistentObject``: ACCESS_CONFLICT when it exists and is to stay.

        STORAGE_NO_SPACE when the application has too much.  Whatever goes wrong, there is
        the old object or the new one.
        """
        name = _file_name(object_id)
        with self._state.folder(self._folder) as folder:
            if not overwrite and (folder / name).exists():
                raise TaError(Result.ERROR_ACCESS_CONFLICT)
            kept = [each.stat().st_size for each in folder.iterdir() if each.name != name]
            needed = sum(map(_charge, [*kept, len(data)]))
            require(needed <= QUOTA, Result.ERROR_STORAGE_NO_SPACE)
            _replace(folder / name, data)

    def read(self, object_id: bytes) -> bytes:
        """``TEE_OpenPersistentObject`` and ``TEE_ReadObjectData``, or ITEM_NOT_FOUND."""
        with self._existing(object_id) as path:
            return path.read_bytes()

    def delete(self, object_id: bytes) -> None:
        """``TEE_CloseAndDeletePersistentObject1``, or ITEM_NOT_FOUND."""
        with self._existing(object_id) as path:
            path.unlink()

    @contextmanager
    def _existing(self, object_id: bytes) -> Iterator[Path]:
        name = _file_name(object_id)
        with self._state.folder(self._folder) as folder:
            try:
                yield folder / name
            except FileNotFoundError as missing:
                raise TaError(Result.ERROR_ITEM_NOT_FOUND) from missing


def _file_name(object_id: bytes) -> str:
    """OP-TEE lets an application panic that names an object with too many bytes."""
    if len(object_id) > LONGEST_ID:
        raise Panic(Result.ERROR_BAD_PARAMETERS)
    return f"object-{object_id.hex()}"


def _charge(size: int) -> int:
    return (-(-size // BLOCK) + 1) * BLOCK


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever finds a part of it, a machine that crashed included."""
    new = path.with_name(path.name + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        with open(os.open(new, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
