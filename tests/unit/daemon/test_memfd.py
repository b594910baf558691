"""Memory that could hurt whoever maps it is refused."""

import fcntl
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from teed.memory.memfd import SEALS, check_memfd, make_memfd, whole_pages
from teed_protocol.codes import Result
from teed_protocol.errors import TeeError

FUTURE_WRITE = 0x0010


@contextmanager
def _memfd(size: int, seals: int) -> Iterator[int]:
    fd = os.memfd_create("theirs", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        yield fd
    finally:
        os.close(fd)


def _refusal(fd: int, size: int) -> str:
    with pytest.raises(TeeError) as refused:
        check_memfd(fd, size)
    assert refused.value.reason == "bad-memfd"
    assert refused.value.code == Result.ERROR_BAD_PARAMETERS
    return refused.value.text


@pytest.mark.parametrize("size", [1, 4095, 8192])
def test_a_sealed_memfd_that_is_large_enough_is_taken(size: int) -> None:
    with _memfd(8192, SEALS) as fd:
        check_memfd(fd, size)


@pytest.mark.parametrize("missing", [fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_GROW, fcntl.F_SEAL_SEAL])
def test_each_of_the_three_seals_is_needed(missing: int) -> None:
    with _memfd(4096, SEALS & ~missing) as fd:
        assert "lacks one of" in _refusal(fd, 4096)


@pytest.mark.parametrize("seal", [fcntl.F_SEAL_WRITE, FUTURE_WRITE])
def test_memory_that_nobody_can_write_is_refused(seal: int) -> None:
    with _memfd(4096, SEALS | seal) as fd:
        assert "sealed against writing" in _refusal(fd, 4096)


def test_a_descriptor_that_can_only_be_read_is_refused() -> None:
    with _memfd(4096, SEALS) as fd:
        read_only = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
        try:
            assert "reading and writing" in _refusal(read_only, 4096)
        finally:
            os.close(read_only)


@pytest.mark.parametrize("size", [0, 4097, 2**40, 2**64 - 1])
def test_more_than_it_holds_or_nothing_at_all_is_refused(size: int) -> None:
    with _memfd(4096, SEALS) as fd:
        assert f"does not hold {size} bytes" in _refusal(fd, size)


def test_an_ordinary_file_is_refused() -> None:
    with tempfile.TemporaryFile(dir=os.path.dirname(__file__)) as file:
        file.truncate(4096)
        assert _refusal(file.fileno(), 4096)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero", "/"])
def test_what_is_no_memory_is_refused(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        assert "not a memfd" in _refusal(fd, 4096)
    finally:
        os.close(fd)


def test_a_pipe_is_refused() -> None:
    for fd in (ends := os.pipe()):
        assert "not a memfd" in _refusal(fd, 4096)
    for fd in ends:
        os.close(fd)


def test_what_teed_makes_it_would_take() -> None:
    fd = make_memfd(4096)
    try:
        check_memfd(fd, 4096)
        assert not os.get_inheritable(fd)
        with mmap.mmap(fd, 4096) as pages:
            assert pages[:] == bytes(4096)
        with pytest.raises(PermissionError):
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def test_memory_that_cannot_be_made_leaves_no_descriptor() -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OverflowError):
        make_memfd(2**63)
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize(
    ("size", "pages"), [(0, 1), (1, 1), (4096, 1), (4097, 2), (65536, 16), (2**64 - 1, 2**52)]
)
def test_sizes_are_rounded_to_whole_pages(size: int, pages: int) -> None:
    if mmap.PAGESIZE != 4096:
        pytest.skip("the numbers are those of pages of 4096 bytes")
    assert whole_pages(size) == pages * 4096
