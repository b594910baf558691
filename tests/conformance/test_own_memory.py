"""A client's own memfd becomes a buffer, if it can hurt nobody."""

import fcntl
import mmap
import os

import pytest

from teed_client import (
    Context,
    Direction,
    Partial,
    Session,
    TeeError,
    Value,
    Whole,
    sealed_memfd,
)
from teed_protocol.codes import Origin, Result

from .applications import Command

SIZE = 3 * mmap.PAGESIZE


def test_a_sealed_memfd_is_changed_where_it_is(context: Context, session: Session) -> None:
    memfd = sealed_memfd(SIZE)
    with mmap.mmap(memfd, SIZE) as ours, context.register_memfd(memfd, SIZE) as buffer:
        os.close(memfd)
        ours[:] = b"\x0f" * SIZE
        session.invoke(Command.XOR, Whole(buffer), Value(0xFF, direction=Direction.INPUT))
        assert ours[:] == b"\xf0" * SIZE


def test_only_the_part_that_is_referred_to_changes(context: Context, session: Session) -> None:
    memfd = sealed_memfd(SIZE)
    with mmap.mmap(memfd, SIZE) as ours, context.register_memfd(memfd, SIZE) as buffer:
        os.close(memfd)
        part = Partial(buffer, 5000, 10, Direction.INOUT)
        session.invoke(Command.XOR, part, Value(1, direction=Direction.INPUT))
        assert ours[:] == bytes(5000) + b"\x01" * 10 + bytes(SIZE - 5010)


def test_a_short_buffer_in_a_memfd_says_what_it_needs(
    context: Context, session: Session
) -> None:
    memfd = sealed_memfd(SIZE)
    with mmap.mmap(memfd, SIZE) as ours, context.register_memfd(memfd, SIZE) as buffer:
        os.close(memfd)
        source = Partial(buffer, 0, 100, Direction.INPUT)
        target = Partial(buffer, 4096, 10, Direction.OUTPUT)
        with pytest.raises(TeeError, match="SHORT_BUFFER"):
            session.invoke(Command.COPY, source, target)
        assert target.size == 100
        assert ours[:] == bytes(SIZE)


SEALS = (fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_GROW, fcntl.F_SEAL_SEAL)


@pytest.mark.parametrize("missing", SEALS, ids=["SHRINK", "GROW", "SEAL"])
def test_a_memfd_without_a_seal_is_refused(context: Context, missing: int) -> None:
    memfd = os.memfd_create("unsealed", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(memfd, SIZE)
    for seal in SEALS:
        if seal != missing:
            fcntl.fcntl(memfd, fcntl.F_ADD_SEALS, seal)
    refused(context, memfd, SIZE)


def test_a_memfd_smaller_than_said_is_refused(context: Context) -> None:
    refused(context, sealed_memfd(SIZE), SIZE + 1)


def test_what_is_no_memfd_is_refused(context: Context) -> None:
    refused(context, os.open("/dev/null", os.O_RDWR), SIZE)


def refused(context: Context, memfd: int, size: int) -> None:
    """The descriptor is refused, and the connection lives on."""
    try:
        with pytest.raises(TeeError) as why:
            context.register_memfd(memfd, size)
    finally:
        os.close(memfd)
    assert (why.value.code, why.value.origin, why.value.reason) == (
        Result.ERROR_BAD_PARAMETERS,
        Origin.COMMS,
        "bad-memfd",
    )
    context.status()
