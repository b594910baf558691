"""Objects in trusted storage, as clients of OP-TEE's example write, read and delete them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from teed.driver.emulator.applications.secure_storage import HEAP, SecureStorage
from teed_client import INPUT, OUTPUT, Context, Session, TeeError, Temporary, Value
from teed_protocol.codes import Origin, Result

READ, WRITE, DELETE = range(3)
NOT_FOUND = (Result.ERROR_ITEM_NOT_FOUND, Origin.TRUSTED_APP)
OUT_OF_MEMORY = (Result.ERROR_OUT_OF_MEMORY, Origin.TRUSTED_APP)

Results = Callable[..., tuple[int, int]]
Start = Callable[..., Any]


@pytest.fixture
def session(context: Context) -> Iterator[Session]:
    with context.open_session(SecureStorage.uuid) as session:
        yield session


def write(session: Session, name: bytes, content: bytes) -> None:
    session.invoke(WRITE, Temporary(name, INPUT), Temporary(content, INPUT))


def read(session: Session, name: bytes) -> bytes:
    content = Temporary(bytearray(10_000), OUTPUT)
    session.invoke(READ, Temporary(name, INPUT), content)
    return bytes(content.data[: content.size])


def test_what_was_written_is_read_until_it_is_deleted(
    session: Session, result: Results
) -> None:
    write(session, b"object", bytes(range(200)) * 35)
    assert read(session, b"object") == bytes(range(200)) * 35

    session.invoke(DELETE, Temporary(b"object", INPUT))

    content = Temporary(bytearray(10), OUTPUT)
    assert result(session, READ, Temporary(b"object", INPUT), content) == NOT_FOUND
    assert result(session, DELETE, Temporary(b"object", INPUT)) == NOT_FOUND
    assert content.size == 10


def test_a_second_writing_replaces_the_first(session: Session) -> None:
    write(session, b"twice", b"the first, which is longer")
    write(session, b"twice", b"the second")

    assert read(session, b"twice") == b"the second"


def test_an_object_can_be_empty_and_so_can_its_name(session: Session) -> None:
    write(session, b"", b"")

    assert read(session, b"") == b""


@pytest.mark.parametrize("room", [None, 0, 4])
def test_it_says_how_much_room_it_needs(
    session: Session, result: Results, room: int | None
) -> None:
    write(session, b"long", b"hello")
    content = Temporary(None if room is None else bytearray(room), OUTPUT)

    answer = result(session, READ, Temporary(b"long", INPUT), content)

    assert answer == (Result.ERROR_SHORT_BUFFER, Origin.TRUSTED_APP)
    assert content.size == 5
    assert not content.data or not any(content.data)


def test_its_memory_holds_the_name_and_the_content(session: Session, result: Results) -> None:
    fits, too_much = bytes(HEAP - 4), bytes(HEAP - 3)
    name = Temporary(b"four", INPUT)

    assert result(session, WRITE, name, Temporary(too_much, INPUT)) == OUT_OF_MEMORY
    assert result(session, WRITE, name, Temporary(fits, INPUT))[0] == 0
    room = Temporary(bytearray(too_much), OUTPUT)
    assert result(session, READ, name, room) == OUT_OF_MEMORY
    room = Temporary(bytearray(fits), OUTPUT)
    assert result(session, READ, name, room)[0] == 0
    assert result(session, DELETE, Temporary(bytes(HEAP + 1), INPUT)) == OUT_OF_MEMORY


def test_a_name_has_sixty_four_bytes_at_the_most(context: Context, result: Results) -> None:
    content = Temporary(bytearray(9), OUTPUT)
    for command, *others in ((READ, content), (WRITE, Temporary(b"", INPUT)), (DELETE,)):
        with context.open_session(SecureStorage.uuid) as session:
            panicked = result(session, command, Temporary(bytes(65), INPUT), *others)
            assert panicked == (Result.ERROR_TARGET_DEAD, Origin.TEE)
    with context.open_session(SecureStorage.uuid) as session:
        write(session, bytes(64), b"content")
        assert read(session, bytes(64)) == b"content"


def test_there_is_one_session_at_a_time(session: Session, context: Context) -> None:
    with pytest.raises(TeeError) as refused:
        context.open_session(SecureStorage.uuid)

    assert (refused.value.code, refused.value.origin) == (Result.ERROR_BUSY, Origin.TEE)


def test_types_are_checked(session: Session, result: Results) -> None:
    bad = (Result.ERROR_BAD_PARAMETERS, Origin.TRUSTED_APP)
    name = Temporary(b"name", INPUT)

    assert result(session, READ, name) == bad
    assert result(session, READ, name, name) == bad
    assert result(session, WRITE, name, Temporary(bytearray(9), OUTPUT)) == bad
    assert result(session, DELETE, name, name) == bad
    assert result(session, DELETE, Value()) == bad
    assert result(session, 3, name) == (Result.ERROR_NOT_SUPPORTED, Origin.TRUSTED_APP)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_objects_outlive_the_daemon_that_has_a_place_for_them(
    daemon: Start, tmp_path: Path, end: str
) -> None:
    place = f"[emulator]\nstate = '{tmp_path / 'state'}'"
    first = daemon(place)
    with Context(first.socket) as context, context.open_session(SecureStorage.uuid) as session:
        write(session, b"object", b"content")
    getattr(first, end)()

    second = daemon(place)
    with Context(second.socket) as context, context.open_session(SecureStorage.uuid) as session:
        assert read(session, b"object") == b"content"


def test_objects_end_with_the_daemon_that_has_no_place_for_them(
    daemon: Start, tmp_path: Path
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    nowhere = {"TMPDIR": str(temporary), "STATE_DIRECTORY": ""}
    teed = daemon(**nowhere)
    with Context(teed.socket) as context, context.open_session(SecureStorage.uuid) as session:
        assert list(temporary.iterdir()) == []
        write(session, b"object", b"content")
        assert read(session, b"object") == b"content"
        assert len(list(temporary.iterdir())) == 1

    teed.stop()

    assert list(temporary.iterdir()) == []
