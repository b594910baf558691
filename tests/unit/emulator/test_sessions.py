"""Sessions and instances, from opening to closing, and to panic."""

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import UUID

import pytest

from teed.driver.emulator import Emulator
from teed.driver.emulator.application import Seen, TaError, TrustedApplication, command
from teed.driver.emulator.applications.teed_test import TeedTest
from teed.driver.emulator.session import Session
from teed.driver.interface import Opening
from teed_protocol.codes import Origin, Result
from teed_protocol.fields import Parameter

DIE, STUMBLE, LEAVE, HIDE, NOP = range(5)


@pytest.fixture
def witness() -> type[TrustedApplication]:
    """An application that writes down its life."""

    class Witness(TrustedApplication):
        uuid = UUID(int=7)
        life: list[str] = []  # noqa: RUF012  # of all instances together

        def __init__(self) -> None:
            self.life.append("made")

        def open_session(self, session: Session, parameters: Sequence[Seen]) -> int | None:
            self.life.append("opened")
            return None if parameters[0] is None else parameters[0].a

        def close_session(self, session: Session) -> None:
            self.life.append("closed")

        def destroy(self) -> None:
            self.life.append("destroyed")

        @command(DIE)
        def die(self, session: Session) -> None:
            self.panic(1)

        @command(STUMBLE)
        def stumble(self, session: Session) -> None:
            raise LookupError("a mistake of mine")

        @command(LEAVE)
        def leave(self, session: Session) -> None:
            raise SystemExit

        @command(HIDE)
        def hide(self, session: Session) -> None:
            with suppress(Exception):
                self.panic(1)

        @command(NOP)
        def nop(self, session: Session) -> None:
            self.life.append("nop")

    return Witness


def _variant(application: type[TrustedApplication], **flags: bool) -> type[TrustedApplication]:
    return type("Variant", (application,), {"uuid": UUID(int=8), **flags})


def test_an_instance_lives_as_long_as_its_session(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    witness: type[TrustedApplication],
) -> None:
    tee = emulate(witness)

    session = opened(tee, witness)
    tee.invoke(session, NOP, (), 0)
    tee.close_session(session)

    assert witness.life == ["made", "opened", "nop", "closed", "destroyed"]


def test_each_session_has_an_instance_of_its_own(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    witness: type[TrustedApplication],
) -> None:
    tee = emulate(witness)

    opened(tee, witness)
    opened(tee, witness)

    assert witness.life == ["made", "opened"] * 2


def test_a_single_instance_serves_all_sessions_till_the_last(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    witness: type[TrustedApplication],
) -> None:
    shared = _variant(witness, single_instance=True, multi_session=True)
    tee = emulate(shared)

    first, second = opened(tee, shared), opened(tee, shared)
    tee.close_session(first)
    assert witness.life == ["made", "opened", "opened", "closed"]
    tee.close_session(second)
    assert witness.life[-2:] == ["closed", "destroyed"]
    opened(tee, shared)
    assert witness.life[-2:] == ["made", "opened"]


def test_an_instance_that_is_kept_alive_outlives_its_sessions(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    witness: type[TrustedApplication],
) -> None:
    kept = _variant(witness, single_instance=True, keep_alive=True)
    tee = emulate(kept)

    tee.close_session(opened(tee, kept))
    tee.close_session(opened(tee, kept))

    assert witness.life == ["made", "opened", "closed", "opened", "closed"]


def test_a_second_session_of_a_single_session_application_is_busy(
    emulate: Callable[..., Emulator],
    opening: Callable[..., Opening],
    opened: Callable[..., int],
    witness: type[TrustedApplication],
) -> None:
    single = _variant(witness, single_instance=True)
    tee = emulate(single)
    session = opened(tee, single)

    answer = tee.open_session(opening(single))

    assert (answer.result, answer.origin) == (Result.ERROR_BUSY, Origin.TEE)
    assert answer.session == 0
    tee.close_session(session)
    opened(tee, single)


def test_an_unknown_application_is_not_found(
    tee: Emulator, opening: Callable[..., Opening]
) -> None:
    answer = tee.open_session(opening(UUID(int=99)))

    assert (answer.result, answer.origin) == (Result.ERROR_ITEM_NOT_FOUND, Origin.TEE)
    assert answer.session == 0


def test_the_session_too_many_is_out_of_memory(
    emulate: Callable[..., Emulator],
    opening: Callable[..., Opening],
    opened: Callable[..., int],
) -> None:
    tee = emulate(TeedTest, max_sessions=3)
    sessions = [opened(tee, TeedTest) for _ in range(3)]

    answer = tee.open_session(opening(TeedTest))

    assert (answer.result, answer.origin) == (Result.ERROR_OUT_OF_MEMORY, Origin.TEE)
    tee.close_session(sessions[0])
    opened(tee, TeedTest)


def test_fifty_sessions_fill_the_tee(
    tee: Emulator, opening: Callable[..., Opening], opened: Callable[..., int]
) -> None:
    for _ in range(50):
        opened(tee, TeedTest)

    assert tee.open_session(opening(TeedTest)).result == Result.ERROR_OUT_OF_MEMORY


def test_a_refused_session_leaves_no_trace(
    emulate: Callable[..., Emulator],
    opening: Callable[..., Opening],
    witness: type[TrustedApplication],
) -> None:
    tee = emulate(witness, max_sessions=1)

    for _ in range(2):
        answer = tee.open_session(opening(witness, Parameter(1, 0x1234)))
        assert (answer.result, answer.origin) == (0x1234, Origin.TRUSTED_APP)
        assert answer.session == 0

    assert tee.open_sessions == set()
    assert witness.life == ["made", "opened", "destroyed"] * 2


class Unborn(TrustedApplication):
    """Cannot even be created."""

    uuid = UUID(int=9)

    def __init__(self) -> None:
        raise TaError(Result.ERROR_NO_DATA)


def test_an_application_that_cannot_be_created_says_why(
    emulate: Callable[..., Emulator], opening: Callable[..., Opening]
) -> None:
    answer = emulate(Unborn).open_session(opening(Unborn))

    assert (answer.result, answer.origin) == (Result.ERROR_NO_DATA, Origin.TRUSTED_APP)


@pytest.mark.parametrize("death", [DIE, STUMBLE, LEAVE, HIDE])
def test_whatever_an_application_raises_ends_its_instance_and_nothing_else(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    witness: type[TrustedApplication],
    death: int,
) -> None:
    tee = emulate(witness)
    victim, other = opened(tee, witness), opened(tee, witness)

    for number in (death, NOP):
        answer = tee.invoke(victim, number, (), 0)
        assert (answer.result, answer.origin) == (Result.ERROR_TARGET_DEAD, Origin.TEE)

    assert tee.invoke(other, NOP, (), 0).result == 0
    tee.close_session(victim)
    assert "closed" not in witness.life


def test_a_mistake_of_an_application_is_in_the_log(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    witness: type[TrustedApplication],
    caplog: pytest.LogCaptureFixture,
) -> None:
    tee = emulate(witness)

    tee.invoke(opened(tee, witness), STUMBLE, (), 0)

    assert "Witness panicked: a mistake of mine" in caplog.text
    assert "LookupError" in caplog.text


def test_a_panic_is_the_end_for_all_who_share_the_instance(
    emulate: Callable[..., Emulator],
    opened: Callable[..., int],
    witness: type[TrustedApplication],
) -> None:
    shared = _variant(witness, single_instance=True, multi_session=True, keep_alive=True)
    tee = emulate(shared)
    first, second = opened(tee, shared), opened(tee, shared)

    tee.invoke(first, DIE, (), 0)

    assert tee.invoke(second, NOP, (), 0).is_dead
    third = opened(tee, shared)
    assert tee.invoke(third, NOP, (), 0).result == 0
    tee.close_session(first)
    tee.close_session(second)
    assert tee.invoke(third, NOP, (), 0).result == 0
    opened(tee, shared)
    assert witness.life.count("made") == 2
    assert "destroyed" not in witness.life


def test_a_dead_session_takes_up_room_until_it_is_closed(
    emulate: Callable[..., Emulator],
    opening: Callable[..., Opening],
    opened: Callable[..., int],
    witness: type[TrustedApplication],
) -> None:
    tee = emulate(witness, max_sessions=1)
    session = opened(tee, witness)
    tee.invoke(session, DIE, (), 0)

    assert tee.open_session(opening(witness)).result == Result.ERROR_OUT_OF_MEMORY
    tee.close_session(session)
    opened(tee, witness)


def test_a_panic_while_opening_leaves_no_session(
    emulate: Callable[..., Emulator],
    opening: Callable[..., Opening],
    opened: Callable[..., int],
) -> None:
    tee = emulate(TeedTest, max_sessions=1)

    answer = tee.open_session(opening(TeedTest, Parameter(1, 3, 7)))

    assert (answer.result, answer.origin) == (Result.ERROR_TARGET_DEAD, Origin.TEE)
    assert answer.session == 0
    assert tee.open_sessions == set()
    opened(tee, TeedTest)


def test_a_panic_while_closing_closes_the_session(
    emulate: Callable[..., Emulator], opened: Callable[..., int]
) -> None:
    class Clinger(TrustedApplication):
        uuid = UUID(int=10)

        def close_session(self, session: Session) -> None:
            self.panic(1)

    tee = emulate(Clinger, max_sessions=1)

    tee.close_session(opened(tee, Clinger))

    assert tee.open_sessions == set()
    opened(tee, Clinger)


def test_a_session_that_is_not_there_is_invalid(tee: Emulator) -> None:
    for call in (
        lambda: tee.invoke(1, 0, (), 0),
        lambda: tee.cancel(1, 0),
        lambda: tee.close_session(1),
    ):
        with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
            call()


def test_a_closed_session_is_invalid_and_its_number_is_used_again(
    tee: Emulator, opened: Callable[..., int]
) -> None:
    first, second = opened(tee, TeedTest), opened(tee, TeedTest)
    tee.close_session(second)

    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        tee.invoke(second, 0, (), 0)
    tee.close_session(first)

    assert opened(tee, TeedTest) == first == 1
