"""Shared memory of the emulator."""

import errno
import mmap
import os
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest

from teed.driver.emulator import Emulator
from teed.driver.emulator.application import MemoryReference, TrustedApplication, command
from teed.driver.emulator.applications.teed_test import TeedTest
from teed.driver.emulator.emulator import ENOTSUPP
from teed.driver.emulator.session import Session
from teed.driver.interface import Answer
from teed_protocol.codes import Attribute, Origin
from teed_protocol.fields import Parameter

XOR, COPY = 2, 3


def _memfd(content: bytes) -> int:
    fd = os.memfd_create("test")
    os.write(fd, content)
    return fd


def _is_open(fd: int) -> bool:
    with suppress(OSError):
        os.fstat(fd)
        return True
    return False


def test_allocated_memory_is_whole_pages_of_zeros(tee: Emulator) -> None:
    memory = tee.allocate(mmap.PAGESIZE + 1)

    assert memory.size == 2 * mmap.PAGESIZE
    with mmap.mmap(memory.fd, memory.size) as pages:
        assert pages[:] == bytes(memory.size)


@pytest.mark.parametrize("size", [0, 2 * mmap.PAGESIZE])
def test_allocated_memory_keeps_its_size_whoever_has_its_descriptor(
    tee: Emulator, size: int
) -> None:
    memory = tee.allocate(mmap.PAGESIZE)

    with pytest.raises(PermissionError):
        os.ftruncate(memory.fd, size)


@pytest.mark.parametrize(
    ("size", "number"),
    [(0, errno.EINVAL), ((4 << 20) + 1, errno.ENOMEM), (2**64 - 1, errno.ENOMEM)],
)
def test_a_size_that_cannot_be_is_refused(tee: Emulator, size: int, number: int) -> None:
    with pytest.raises(OSError, match=os.strerror(number)) as refused:
        tee.allocate(size)

    assert refused.value.errno == number
    assert tee.shared_memories == 0


def test_an_application_works_in_the_pages_of_a_registered_memfd(
    tee: Emulator, opened: Callable[..., int]
) -> None:
    fd = _memfd(b"secret")
    watcher = os.dup(fd)
    memory = tee.register(fd, 6)
    session = opened(tee, TeedTest)

    parameters = (
        Parameter(Attribute.MEMREF_INOUT, 1, 4, memory.id),
        Parameter(Attribute.VALUE_INPUT, 1),
    )
    assert tee.invoke(session, XOR, parameters, 0).result == 0

    assert os.pread(watcher, 6, 0) == b"sdbsdt"
    os.close(watcher)


@pytest.mark.parametrize(("size", "number"), [(0, errno.ENOMEM), (7, errno.EFAULT)])
def test_a_memfd_is_closed_when_it_is_refused(tee: Emulator, size: int, number: int) -> None:
    fd = _memfd(b"secret")

    with pytest.raises(OSError, match=os.strerror(number)) as refused:
        tee.register(fd, size)

    assert refused.value.errno == number
    assert not _is_open(fd)


def test_a_read_only_memfd_is_refused(tee: Emulator) -> None:
    fd = _memfd(b"secret")
    read_only = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    os.close(fd)

    with pytest.raises(PermissionError):
        tee.register(read_only, 6)

    assert not _is_open(read_only)


def test_a_tee_without_registration_refuses_it_as_linux_does(
    emulate: Callable[..., Emulator],
) -> None:
    tee = emulate(register=False)
    fd = _memfd(b"secret")

    with pytest.raises(OSError, match="524") as refused:
        tee.register(fd, 6)

    assert refused.value.errno == ENOTSUPP
    assert not _is_open(fd)
    assert tee.allocate(1).size == mmap.PAGESIZE


def test_closed_memory_leaves_nothing_behind(tee: Emulator) -> None:
    before = _descriptors(), _mappings()

    for memory in [tee.allocate(1), tee.allocate(1), tee.register(_memfd(b"secret"), 6)]:
        memory.close()
        memory.close()

    assert tee.shared_memories == 0
    assert (_descriptors(), _mappings()) == before


def test_the_lowest_free_number_is_given_out_next(tee: Emulator) -> None:
    memories = [tee.allocate(1) for _ in range(4)]
    memories[2].close()
    memories[1].close()

    assert [each.id for each in memories] == [1, 2, 3, 4]
    assert [tee.allocate(1).id for _ in range(3)] == [2, 3, 5]


def test_closed_memory_cannot_be_referred_to(tee: Emulator, opened: Callable[..., int]) -> None:
    session = opened(tee, TeedTest)
    memory = tee.allocate(1)
    memory.close()

    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        tee.invoke(session, 0, (Parameter(Attribute.MEMREF_INPUT, 0, 1, memory.id),), 0)


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _mappings() -> int:
    return Path("/proc/self/maps").read_text().count("memfd:")


@pytest.fixture
def late_writer(gate: type[TrustedApplication]) -> type[TrustedApplication]:
    """Writes only when the test lets it."""

    class LateWriter(gate):
        @command(2, Attribute.MEMREF_OUTPUT)
        def write(self, session: Session, to: MemoryReference) -> None:
            self.hold.method(self, session)
            to.write(b"late")

    return LateWriter


def test_memory_closed_during_a_call_is_kept_until_it_returns(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    late_writer: type[TrustedApplication],
    start: Callable[..., Future[Answer]],
) -> None:
    tee = emulate(late_writer)
    session = opened(tee, late_writer)
    memory = tee.allocate(4)
    watcher = os.dup(memory.fd)
    output = (Parameter(Attribute.MEMREF_OUTPUT, 0, 4, memory.id),)
    call = start(tee.invoke, session, 2, output, 0)
    assert tee.threads.wait_until(taken=1)

    memory.close()
    assert tee.allocate(4).id != memory.id
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        tee.invoke(session, 1, output, 0)
    late_writer.leave.set()

    assert call.result(10).result == 0
    assert os.pread(watcher, 4, 0) == b"late"
    assert tee.shared_memories == 1
    os.close(watcher)


class Hoarder(TrustedApplication):
    """Keeps what was only lent to it."""

    uuid = UUID(int=2)
    kept: list[memoryview]

    @command(0, Attribute.MEMREF_INOUT)
    def keep(self, session: Session, lent: MemoryReference) -> None:
        self.kept = [lent.buffer, lent.buffer[:2], memoryview(lent.buffer)]


def test_an_application_that_keeps_memory_does_the_emulator_no_harm(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    tee = emulate(Hoarder)
    session = opened(tee, Hoarder)
    before = _mappings()
    memory = tee.allocate(4)
    reference = (Parameter(Attribute.MEMREF_INOUT, 0, 4, memory.id),)

    assert tee.invoke(session, 0, reference, 0).result == 0
    memory.close()

    assert "keeps shared memory beyond its call" in caplog.text
    tee.close_session(session)
    assert _mappings() == before


class Borrower(TrustedApplication):
    """Uses what was lent to it the last time."""

    uuid = UUID(int=4)
    lent: memoryview | None = None

    @command(0, Attribute.MEMREF_INOUT)
    def use(self, session: Session, lent: MemoryReference) -> None:
        if self.lent is not None:
            self.lent[0] = 1
        self.lent = lent.buffer


def test_an_application_dies_of_using_memory_of_another_call(
    emulate: Callable[..., Emulator], opened: Callable[..., int]
) -> None:
    tee = emulate(Borrower)
    session = opened(tee, Borrower)
    reference = (Parameter(Attribute.MEMREF_INOUT, 0, 4, tee.allocate(4).id),)

    assert tee.invoke(session, 0, reference, 0).result == 0
    assert tee.invoke(session, 0, reference, 0).is_dead


class Writer(TrustedApplication):
    """Writes where it may only read."""

    uuid = UUID(int=3)

    @command(0, Attribute.MEMREF_INPUT)
    def write(self, session: Session, to: MemoryReference) -> None:
        to.write(b"x")


def test_an_application_dies_of_writing_to_an_input(
    emulate: Callable[..., Emulator], opened: Callable[..., int]
) -> None:
    tee = emulate(Writer)
    session = opened(tee, Writer)
    memory = tee.allocate(1)

    answer = tee.invoke(session, 0, (Parameter(Attribute.MEMREF_INPUT, 0, 1, memory.id),), 0)

    assert answer.is_dead
    assert answer.origin == Origin.TEE
    assert os.pread(memory.fd, 1, 0) == b"\0"
