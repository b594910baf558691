"""The emulator as a driver: what it says it is, and its end."""

import errno
import os
from collections.abc import Callable
from concurrent.futures import Future
from uuid import UUID

import pytest

from teed.driver.emulator import Emulator
from teed.driver.emulator.application import TrustedApplication
from teed.driver.emulator.applications import EXAMPLES
from teed.driver.emulator.applications.teed_test import TeedTest
from teed.driver.emulator.session import Session
from teed.driver.interface import Answer, Driver, Opening, Version


def test_it_looks_like_op_tee(tee: Emulator) -> None:
    driver: Driver = tee

    assert driver.name == "emulator"
    assert driver.version == Version(impl_id=1, impl_caps=1, gen_caps=0xD)


@pytest.mark.parametrize(
    ("options", "gen_caps"),
    [({"register": False}, 0x9), ({"memref_null": False}, 0x5)],
)
def test_capabilities_can_be_left_out(
    emulate: Callable[..., Emulator], options: dict[str, bool], gen_caps: int
) -> None:
    assert emulate(**options).version.gen_caps == gen_caps


def test_it_says_that_it_protects_nothing(
    emulate: Callable[..., Emulator], caplog: pytest.LogCaptureFixture
) -> None:
    emulate()

    assert [
        (each.levelname, "protects nothing" in each.message) for each in caplog.records
    ] == [("WARNING", True)]


def test_no_two_applications_that_come_along_have_one_uuid() -> None:
    assert len({each.uuid for each in EXAMPLES}) == len(EXAMPLES)


def test_closing_closes_all_sessions_and_memory(
    emulate: Callable[..., Emulator], opened: Callable[..., int]
) -> None:
    closed = []

    class Mourned(TrustedApplication):
        uuid = UUID(int=1)

        def close_session(self, session: Session) -> None:
            closed.append(session)

    before = set(os.listdir("/proc/self/fd"))
    tee = emulate(Mourned)
    opened(tee, Mourned)
    opened(tee, Mourned)
    tee.allocate(1)

    tee.close()
    tee.close()

    assert tee.open_sessions == set()
    assert len(closed) == 2
    assert tee.shared_memories == 0
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_closed_context_is_a_bad_descriptor(
    tee: Emulator, opening: Callable[..., Opening]
) -> None:
    tee.close()
    fd = os.memfd_create("test")

    for call in (
        lambda: tee.allocate(1),
        lambda: tee.register(fd, 1),
        lambda: tee.open_session(opening(TeedTest)),
        lambda: tee.invoke(1, 0, (), 0),
        lambda: tee.cancel(1, 0),
        lambda: tee.close_session(1),
        lambda: os.fstat(fd),
    ):
        with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
            call()


def test_a_call_under_way_keeps_the_context_until_it_returns(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    start: Callable[..., Future[Answer]],
    gate: type[TrustedApplication],
) -> None:
    tee = emulate(gate)
    session = opened(tee, gate)
    call = start(tee.invoke, session, 0, (), 0)
    assert gate.entered.acquire(timeout=10)

    tee.close()
    assert tee.open_sessions == {session}
    gate.leave.set()

    assert call.result(10).result == 0
    assert tee.open_sessions == set()


def test_an_opening_under_way_leaves_no_session_in_a_closed_context(
    emulate: Callable[..., Emulator],
    opening: Callable[..., Opening],
    start: Callable[..., Future[Answer]],
    gate: type[TrustedApplication],
) -> None:
    class SlowToOpen(gate):
        uuid = gate.uuid

        def open_session(self, session, parameters):
            self.hold.method(self, session)

    tee = emulate(SlowToOpen)
    call = start(tee.open_session, opening(SlowToOpen))
    assert gate.entered.acquire(timeout=10)

    tee.close()
    gate.leave.set()

    assert call.result(10).result == 0
    assert tee.open_sessions == set()
