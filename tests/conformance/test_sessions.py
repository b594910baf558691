"""Sessions open and close, fail with the right code, and die with their application."""

import os
import uuid

import pytest

from teed_client import Context, Direction, Login, Session, TeeError, Temporary, Value
from teed_protocol.codes import Origin, Result

from . import applications
from .applications import Command

INPUT, OUTPUT = Direction.INPUT, Direction.OUTPUT
TEE_NAMESPACE = uuid.UUID("58ac9ca0-2086-4683-a1b8-ec4bc08e01b6")


def refusal(failed: "pytest.ExceptionInfo[TeeError]") -> tuple[int, int]:
    return failed.value.code, failed.value.origin


def test_an_application_that_is_not_there_is_not_found(context: Context) -> None:
    with pytest.raises(TeeError) as failed:
        context.open_session(applications.NOBODY)
    assert refusal(failed) == (Result.ERROR_ITEM_NOT_FOUND, Origin.TEE)


def test_the_application_may_refuse_a_session(context: Context) -> None:
    why = Value(applications.FAIL_IN_OPEN, Result.ERROR_ACCESS_DENIED, INPUT)
    with pytest.raises(TeeError) as failed:
        context.open_session(applications.TEED_TEST, why)
    assert refusal(failed) == (Result.ERROR_ACCESS_DENIED, Origin.TRUSTED_APP)


def count(session: Session) -> tuple[int, int]:
    counted = Value(direction=OUTPUT)
    session.invoke(Command.COUNT, counted)
    return counted.a, counted.b


def test_each_session_has_a_state_of_its_own(context: Context) -> None:
    with (
        context.open_session(applications.TEED_TEST) as one,
        context.open_session(applications.TEED_TEST) as other,
    ):
        assert [count(one), count(one), count(other)] == [(1, 1), (2, 1), (1, 1)]


def test_a_single_instance_serves_all_its_sessions(context: Context) -> None:
    with (
        context.open_session(applications.SINGLE_MULTI) as one,
        context.open_session(applications.SINGLE_MULTI) as other,
    ):
        (_, before), (calls, after) = count(one), count(other)
        assert (calls, after) == (1, before)


def test_a_kept_instance_remembers_after_its_last_session(context: Context) -> None:
    with context.open_session(applications.SINGLE_MULTI) as session:
        _, before = count(session)
    with context.open_session(applications.SINGLE_MULTI) as session:
        assert count(session) == (1, before + 1)


def test_a_second_session_on_a_single_instance_is_busy(context: Context) -> None:
    with context.open_session(applications.SINGLE):
        with pytest.raises(TeeError) as failed:
            context.open_session(applications.SINGLE)
        assert refusal(failed) == (Result.ERROR_BUSY, Origin.TEE)
    context.open_session(applications.SINGLE).close()


def test_a_closed_session_is_no_longer_usable(context: Context) -> None:
    session = context.open_session(applications.TEED_TEST)
    session.close()
    with pytest.raises(TeeError, match="closed"):
        session.invoke(Command.NOP)


def test_after_a_panic_the_session_is_dead_and_a_new_one_lives(context: Context) -> None:
    with context.open_session(applications.TEED_TEST) as session:
        for command in (Command.PANIC, Command.NOP):
            with pytest.raises(TeeError) as failed:
                session.invoke(command, Value(7, direction=INPUT))
            assert refusal(failed) == (Result.ERROR_TARGET_DEAD, Origin.TEE)
    with context.open_session(applications.TEED_TEST) as session:
        session.invoke(Command.NOP)


def test_a_panic_ends_every_session_of_the_instance_and_no_other(context: Context) -> None:
    with (
        context.open_session(applications.SINGLE_MULTI) as one,
        context.open_session(applications.SINGLE_MULTI) as other,
        context.open_session(applications.TEED_TEST) as bystander,
    ):
        for session, command in ((one, Command.PANIC), (other, Command.NOP)):
            with pytest.raises(TeeError) as failed:
                session.invoke(command, Value(7, direction=INPUT))
            assert refusal(failed) == (Result.ERROR_TARGET_DEAD, Origin.TEE)
        bystander.invoke(Command.NOP)
    with context.open_session(applications.SINGLE_MULTI) as session:
        assert count(session) == (1, 1)


def test_an_application_that_panics_while_opening_gives_no_session(context: Context) -> None:
    panic = Value(applications.PANIC_IN_OPEN, 1, INPUT)
    with pytest.raises(TeeError) as failed:
        context.open_session(applications.TEED_TEST, panic)
    assert refusal(failed) == (Result.ERROR_TARGET_DEAD, Origin.TEE)


def identity(session: Session) -> tuple[uuid.UUID, int]:
    octets, login = bytearray(16), Value(direction=OUTPUT)
    session.invoke(Command.IDENTITY, Temporary(octets, OUTPUT), login)
    return uuid.UUID(bytes=bytes(octets)), login.a


def test_the_application_sees_nobody_by_default(session: Session) -> None:
    assert identity(session) == (uuid.UUID(int=0), Login.PUBLIC)


def test_the_application_sees_the_client_and_not_the_daemon(context: Context) -> None:
    with context.open_session(applications.TEED_TEST, login=Login.USER) as session:
        me = uuid.uuid5(TEE_NAMESPACE, f"uid={os.geteuid():x}")
        assert identity(session) == (me, Login.USER)


def test_the_application_sees_each_group_of_the_client(context: Context) -> None:
    for group in {os.getegid(), *os.getgroups()}:
        with context.open_session(
            applications.TEED_TEST, login=Login.GROUP, group=group
        ) as session:
            ours = uuid.uuid5(TEE_NAMESPACE, f"gid={group:x}")
            assert identity(session) == (ours, Login.GROUP)


def test_nobody_logs_in_as_a_group_that_is_not_theirs(context: Context) -> None:
    stranger = max({os.getegid(), *os.getgroups()}) + 1
    with pytest.raises(TeeError) as failed:
        context.open_session(applications.TEED_TEST, login=Login.GROUP, group=stranger)
    assert refusal(failed) == (Result.ERROR_GENERIC, Origin.COMMS)


def test_the_kernels_own_logins_are_not_for_clients(context: Context) -> None:
    with pytest.raises(TeeError) as failed:
        context.open_session(applications.TEED_TEST, login=0x80000000)
    assert refusal(failed) == (Result.ERROR_GENERIC, Origin.COMMS)


@pytest.mark.parametrize(
    "login", [Login.APPLICATION, Login.USER_APPLICATION, Login.GROUP_APPLICATION]
)
def test_application_logins_are_refused_as_the_driver_refuses_them(
    context: Context, login: Login
) -> None:
    with pytest.raises(TeeError) as failed:
        context.open_session(applications.TEED_TEST, login=login, group=os.getegid())
    assert refusal(failed) == (Result.ERROR_BAD_PARAMETERS, Origin.COMMS)
