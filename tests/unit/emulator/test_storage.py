"""Trusted storage: what applications keep, where it is kept, and what can go wrong."""

import errno
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teed.__main__ import open_driver
from teed.config import Config, ConfigError, parse
from teed.driver.emulator import Emulator
from teed.driver.emulator.application import Panic, TaError, TrustedApplication, command
from teed.driver.emulator.session import Session
from teed.driver.emulator.storage import (
    BLOCK,
    LONGEST_ID,
    QUOTA,
    State,
    StateError,
    TrustedStorage,
)
from teed_protocol.codes import Result

UUID_1, UUID_2 = UUID(int=1), UUID(int=2)


@pytest.fixture
def storage(tmp_path: Path) -> TrustedStorage:
    return TrustedStorage(State(tmp_path), UUID_1)


@pytest.fixture
def folder(storage: TrustedStorage, tmp_path: Path) -> Path:
    """Where its files are, with one object ``a`` in it."""
    storage.create(b"a", b"old")
    return tmp_path / "trusted-storage" / str(UUID_1)


def refused(call: Callable[..., object], *arguments: object) -> int:
    """The result with which *call* fails."""
    with pytest.raises(TaError) as failed:
        call(*arguments)
    return failed.value.code


class Keeper(TrustedApplication):
    """Finds what the instance before it has left, and leaves something."""

    uuid = UUID_1
    found: ClassVar[list[bytes]] = []

    @command(0)
    def look(self, session: Session) -> None:
        self.found.append(self.storage.read(b"left"))

    def close_session(self, session: Session) -> None:
        self.storage.create(b"left", b"something", overwrite=True)


@settings(deadline=None, max_examples=30)  # each example waits for the disk
@given(st.dictionaries(st.binary(max_size=LONGEST_ID), st.binary(max_size=100), max_size=9))
def test_every_identifier_has_an_object_of_its_own(objects: dict[bytes, bytes]) -> None:
    with tempfile.TemporaryDirectory() as path:
        storage = TrustedStorage(State(Path(path)), UUID_1)
        for name, content in objects.items():
            storage.create(name, content)
        assert {name: storage.read(name) for name in objects} == objects
        for name in objects:
            storage.delete(name)
            assert refused(storage.read, name) == Result.ERROR_ITEM_NOT_FOUND


@pytest.mark.parametrize("name", [b"", b".", b"..", b"../../a", b"/tmp/a", b"\0", b"\xff/\n"])
def test_no_identifier_leads_out_of_the_folder(
    storage: TrustedStorage, folder: Path, tmp_path: Path, name: bytes
) -> None:
    storage.create(name, b"here")

    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert len(files) == 2
    assert {each.parent for each in files} == {folder}


def test_applications_do_not_see_each_others_objects(tmp_path: Path) -> None:
    state = State(tmp_path)
    one, other = TrustedStorage(state, UUID_1), TrustedStorage(state, UUID_2)
    one.create(b"name", b"mine")
    other.create(b"name", b"yours")

    other.delete(b"name")

    assert one.read(b"name") == b"mine"


def test_what_exists_is_replaced_only_on_demand(storage: TrustedStorage, folder: Path) -> None:
    assert refused(storage.create, b"a", b"new") == Result.ERROR_ACCESS_CONFLICT
    assert storage.read(b"a") == b"old"

    storage.create(b"a", b"new", overwrite=True)

    assert storage.read(b"a") == b"new"


def test_what_is_not_there_is_not_found(storage: TrustedStorage) -> None:
    assert refused(storage.read, b"a") == Result.ERROR_ITEM_NOT_FOUND
    assert refused(storage.delete, b"a") == Result.ERROR_ITEM_NOT_FOUND


def test_an_identifier_that_is_too_long_is_a_panic(storage: TrustedStorage) -> None:
    name = bytes(LONGEST_ID + 1)
    for call in (
        lambda: storage.create(name, b""),
        lambda: storage.read(name),
        lambda: storage.delete(name),
    ):
        with pytest.raises(Panic):
            call()


def test_nobody_else_may_look(storage: TrustedStorage, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        TrustedStorage(State(tmp_path / "new"), UUID_1).create(b"a", b"secret")
    finally:
        os.umask(before)

    root = tmp_path / "new" / "trusted-storage"
    folder = root / str(UUID_1)
    modes = [each.stat().st_mode & 0o777 for each in (root, folder, *folder.iterdir())]
    assert modes == [0o700, 0o700, 0o600]


def test_an_application_can_keep_so_much_and_no_more(
    storage: TrustedStorage, folder: Path
) -> None:
    room = QUOTA - 2 * BLOCK - BLOCK  # object a takes two blocks, an object one for itself
    full = Result.ERROR_STORAGE_NO_SPACE

    assert refused(storage.create, b"b", bytes(room + 1)) == full
    storage.create(b"b", bytes(room))
    storage.create(b"b", bytes(room), True)
    assert refused(storage.create, b"c", b"") == full
    assert refused(storage.create, b"a", bytes(BLOCK + 1), True) == full
    assert storage.read(b"a") == b"old"
    storage.delete(b"a")
    storage.create(b"c", b"")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The kernel lets no file of this process have more bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_object_that_cannot_be_written_leaves_the_old_one(
    storage: TrustedStorage, folder: Path
) -> None:
    with files_of_at_most(10):
        assert (
            refused(storage.create, b"a", bytes(11), True) == Result.ERROR_STORAGE_NOT_AVAILABLE
        )

    assert storage.read(b"a") == b"old"
    assert len(list(folder.iterdir())) == 1


def test_a_disk_that_is_full_is_no_space(storage: TrustedStorage, folder: Path) -> None:
    (folder / f"object-{b'a'.hex()}.new").symlink_to("/dev/full")

    assert refused(storage.create, b"a", b"new", True) == Result.ERROR_STORAGE_NO_SPACE

    assert storage.read(b"a") == b"old"


def test_what_a_crash_left_half_written_is_of_no_account(
    storage: TrustedStorage, folder: Path
) -> None:
    (folder / f"object-{b'a'.hex()}.new").write_bytes(b"new, but only a par")

    assert storage.read(b"a") == b"old"
    storage.create(b"a", b"new", overwrite=True)
    assert storage.read(b"a") == b"new"


def test_a_folder_that_cannot_be_used_is_not_available(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = State(tmp_path)
    (tmp_path / "trusted-storage" / str(UUID_1)).write_text("no folder")

    assert (
        refused(TrustedStorage(state, UUID_1).read, b"a") == Result.ERROR_STORAGE_NOT_AVAILABLE
    )

    assert os.strerror(errno.EEXIST) in caplog.text


def test_an_application_finds_what_it_left(
    emulate: Callable[..., Emulator], opened: Callable[..., int]
) -> None:
    class Here(Keeper):
        found: ClassVar[list[bytes]] = []

    tee = emulate(Here)
    session = opened(tee, Here)
    assert tee.invoke(session, 0, (), 0).result == Result.ERROR_ITEM_NOT_FOUND
    tee.close_session(session)
    assert tee.invoke(opened(tee, Here), 0, (), 0).result == 0

    assert Here.found == [b"something"]


def test_nothing_is_left_of_an_emulator_that_has_no_place(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tee = emulate(Keeper)
    session = opened(tee, Keeper)
    assert list(tmp_path.iterdir()) == []
    tee.close_session(session)
    assert len(list(tmp_path.rglob("object-*"))) == 1
    opened(tee, Keeper)

    tee.close()

    assert list(tmp_path.iterdir()) == []


def configured(state: str) -> Config:
    return parse({"tee": {"driver": "emulator"}, "emulator": {"state": state}})


@pytest.mark.parametrize(
    ("configuration", "environment", "place"),
    [("{}/a", "", "a"), ("{}/a", "{}/b", "a"), ("", "{}/b", "b"), ("", "{}/b:{}/c", "b")],
    ids=["configured", "both", "systemd's", "several of systemd's"],
)
def test_the_place_is_configured_or_systemds(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    configuration: str,
    environment: str,
    place: str,
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", environment.replace("{}", str(tmp_path)))

    open_driver(configured(configuration.replace("{}", str(tmp_path)))).close()

    assert [each.name for each in tmp_path.iterdir()] == [place]


def test_a_place_that_cannot_be_used_is_named_at_once() -> None:
    with pytest.raises(StateError, match=r"kept in /dev/null/place: Not a directory"):
        open_driver(configured("/dev/null/place"))


def test_a_place_is_absolute() -> None:
    with pytest.raises(ConfigError, match=r"\[emulator\] state is absolute, unlike 'place'"):
        configured("place")
