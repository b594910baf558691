"""Faults that a test asks for."""

import errno
import os
from collections.abc import Callable

import pytest

from teed.driver.emulator import Emulator
from teed.driver.emulator.applications.teed_test import TeedTest
from teed.driver.interface import Opening
from teed_protocol.codes import Origin, Result
from teed_protocol.fields import Parameter

VALUES = (Parameter(1, 1, 2), Parameter(2, 3, 4, 5), Parameter(3, 6, 7, 8))


def test_a_refused_call_fails_so_often_and_then_works_again(tee: Emulator) -> None:
    tee.faults.refuse("allocate", errno.ENOMEM, times=2)

    for _ in range(2):
        with pytest.raises(OSError, match=os.strerror(errno.ENOMEM)) as refused:
            tee.allocate(1)
        assert refused.value.errno == errno.ENOMEM
    assert tee.allocate(1).id == 1


def test_a_refused_memfd_is_closed(tee: Emulator) -> None:
    tee.faults.refuse("register", errno.ENOMEM)
    fd = os.memfd_create("test")

    with pytest.raises(OSError, match=os.strerror(errno.ENOMEM)):
        tee.register(fd, 1)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(fd)


@pytest.mark.parametrize("call", ["invoke", "cancel", "close_session"])
def test_every_call_about_a_session_can_be_refused(
    tee: Emulator, opened: Callable[..., int], call: str
) -> None:
    session = opened(tee, TeedTest)
    calls = {
        "invoke": lambda: tee.invoke(session, 0, (), 0),
        "cancel": lambda: tee.cancel(session, 0),
        "close_session": lambda: tee.close_session(session),
    }
    tee.faults.refuse(call, errno.EIO)

    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        calls[call]()

    assert tee.open_sessions == {session}
    calls[call]()


def test_faults_strike_in_the_order_they_were_asked_for(
    tee: Emulator, opening: Callable[..., Opening]
) -> None:
    tee.faults.answer("open_session", Result.ERROR_TARGET_DEAD, Origin.TEE)
    tee.faults.refuse("open_session", errno.ENOMEM)

    answer = tee.open_session(opening(TeedTest, *VALUES))
    assert (answer.result, answer.origin) == (Result.ERROR_TARGET_DEAD, Origin.TEE)
    assert answer.parameters == (VALUES[0], Parameter(2), VALUES[2])
    with pytest.raises(OSError, match=os.strerror(errno.ENOMEM)):
        tee.open_session(opening(TeedTest))
    assert tee.open_session(opening(TeedTest)).session == 1


def test_a_forced_answer_keeps_the_application_out(
    tee: Emulator, opened: Callable[..., int]
) -> None:
    session = opened(tee, TeedTest)
    tee.faults.answer("invoke", Result.ERROR_COMMUNICATION, Origin.COMMS)

    answer = tee.invoke(session, 1, VALUES, 0)

    assert (answer.result, answer.origin) == (Result.ERROR_COMMUNICATION, Origin.COMMS)
    assert answer.parameters == (VALUES[0], Parameter(2), VALUES[2])
    assert tee.invoke(session, 1, VALUES, 0).parameters[2] == Parameter(3, 7, 6, 8)


def test_a_panic_on_request_kills_the_instance(
    tee: Emulator, opened: Callable[..., int]
) -> None:
    victim, other = opened(tee, TeedTest), opened(tee, TeedTest)
    tee.faults.panic()

    assert tee.invoke(victim, 0, (), 0).is_dead
    assert tee.invoke(victim, 0, (), 0).is_dead
    assert tee.invoke(other, 0, (), 0).result == 0
