"""Sessions at the TEE: shared under a name, opened once, closed with the last who leaves."""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from teed.accounts import Account, Counts, Limits
from teed.channels.work import Errand
from teed.driver.interface import Answer, Credentials, Opening
from teed.sessions import OPEN_TRIES, Sessions, TeeSession
from teed_protocol.codes import Login, Origin, Result
from teed_protocol.errors import TeeError
from teed_protocol.fields import Parameters

from .bench import Bench
from .fakes import PATIENCE, FakeDriver
from .raw import UUID

DEAD = Answer(Result.ERROR_TARGET_DEAD, Origin.TEE, ())
BUSY = Answer(Result.ERROR_BUSY, Origin.TEE, ())


@pytest.fixture
def bench(driver: FakeDriver) -> Iterator[Bench]:
    made = Bench(driver, 1)
    yield made
    made.close()


@dataclass
class User:
    """Somebody who opens sessions."""

    sessions: Sessions
    account: Account

    def opening(
        self, login: int = 0, group: int | None = None, parameters: Parameters = ()
    ) -> Opening:
        return Opening(UUID, login, group, Credentials(self.account.uid, 0), parameters)

    def join(
        self, name: str | None = None, opening: Opening | None = None, owner: str = "me"
    ) -> TeeSession:
        return self.sessions.join(opening or self.opening(), self.account, name, owner)

    async def joined(self, name: str | None = None) -> TeeSession:
        """A session that is open."""
        session = self.join(name)
        await _happens(session.opened)
        assert session.room is not None
        return session

    async def left(self, session: TeeSession) -> None:
        """Leave as the last."""
        self.sessions.leave(session)
        await _happens(session.closed)


@pytest.fixture
async def sessions(bench: Bench, driver: FakeDriver) -> AsyncIterator[Sessions]:
    async with trio.open_nursery() as nursery:
        yield Sessions(driver, bench.crew, nursery)
        driver.let_go()
        nursery.cancel_scope.deadline = trio.current_time() + PATIENCE


@pytest.fixture
def user(sessions: Sessions) -> User:
    return User(sessions, Account(1000, Limits()))


async def _happens(event: trio.Event) -> None:
    with trio.fail_after(PATIENCE):
        await event.wait()


async def test_a_session_is_opened_closed_and_no_longer_charged(
    user: User, driver: FakeDriver
) -> None:
    session = await user.joined()
    assert len(driver.sessions) == 1
    assert user.account.counts == Counts(sessions=1)
    await user.left(session)
    assert driver.sessions == set()
    assert user.account.counts == Counts()


async def test_sessions_without_a_name_are_each_one_s_own(user: User) -> None:
    first, second = user.join(), user.join()
    assert first is not second
    for session in (first, second):
        await _happens(session.opened)
        await user.left(session)


async def test_a_hundred_who_join_make_one_opening_and_the_last_closes(
    user: User, driver: FakeDriver
) -> None:
    driver.hold("open_session")
    joined = [user.join("name") for _ in range(50)]
    held = await driver.entered()
    joined += [user.join("name") for _ in range(25)]
    held.finish()
    await _happens(joined[0].opened)
    joined += [user.join("name") for _ in range(25)]
    assert set(joined) == {joined[0]}
    assert user.account.counts.sessions == 1

    for session in joined[:-1]:
        user.sessions.leave(session)
    await wait_all_tasks_blocked()
    assert len(driver.sessions) == 1
    await user.left(joined[-1])
    assert len(driver.called("open_session")) == len(driver.called("close_session")) == 1
    assert user.sessions.openings == 1


async def test_a_name_is_a_user_s_own(user: User) -> None:
    another = User(user.sessions, Account(1001, Limits()))
    ours, theirs = await user.joined("name"), await another.joined("name")
    assert ours is not theirs
    await user.left(ours)
    await another.left(theirs)


@pytest.mark.parametrize(
    ("login", "group", "uuid"),
    [
        (Login.USER, None, UUID),
        (Login.GROUP, 5, UUID),
        (Login.PUBLIC, None, bytes(16)),
    ],
)
async def test_a_name_means_one_application_login_and_group(
    user: User, login: int, group: int | None, uuid: bytes
) -> None:
    session = await user.joined("name")
    another = Opening(uuid, login, group, Credentials(1000, 0), ())
    with pytest.raises(TeeError, match="'name' is in use for another") as refused:
        user.join("name", another)
    assert refused.value.code == Result.ERROR_ACCESS_CONFLICT
    assert session.joined == 1
    await user.left(session)


async def test_who_opens_is_charged_and_who_joins_is_not(user: User) -> None:
    user.account = Account(1000, Limits(sessions=1))
    session = await user.joined("name")
    assert user.join("name") is session
    with pytest.raises(TeeError, match="1 sessions"):
        user.join()
    user.sessions.leave(session)
    await user.left(session)
    await user.left(await user.joined())


# -- impatience ----------------------------------------------------------------------------


async def _block_the_crew(bench: Bench, driver: FakeDriver) -> None:
    """Let the only worker have something else to do, until the driver lets go."""
    driver.hold("invoke")
    bench.line("busy").ask(1)
    await driver.entered()


async def test_an_opening_that_nobody_waits_for_never_enters_the_tee(
    user: User, bench: Bench, driver: FakeDriver
) -> None:
    await _block_the_crew(bench, driver)
    session = user.join("name")
    await wait_all_tasks_blocked()
    await user.left(session)
    assert driver.called("open_session") == []
    assert user.account.counts == Counts()


async def test_the_opener_may_give_up_before_the_tee_hears_of_it(
    user: User, bench: Bench, driver: FakeDriver
) -> None:
    await _block_the_crew(bench, driver)
    opening = user.opening()
    session = user.join("name", opening)
    await wait_all_tasks_blocked()
    assert user.sessions.give_up(session, opening)
    await _happens(session.opened)
    assert isinstance(session.answer, TeeError)
    assert session.answer.reason == "cancelled"
    await user.left(session)


async def test_the_opener_may_not_give_up_while_others_wait(
    user: User, bench: Bench, driver: FakeDriver
) -> None:
    await _block_the_crew(bench, driver)
    opening = user.opening()
    session = user.join("name", opening)
    user.join("name")
    await wait_all_tasks_blocked()
    assert not user.sessions.give_up(session, opening)
    user.sessions.leave(session)  # the opener vanishes all the same
    driver.let_go()
    await _happens(session.opened)
    assert session.room is not None
    await user.left(session)


async def test_the_opener_may_not_give_up_inside_the_tee(
    user: User, driver: FakeDriver
) -> None:
    driver.hold("open_session")
    opening = user.opening()
    session = user.join("name", opening)
    held = await driver.entered()
    assert not user.sessions.give_up(session, opening)
    held.finish()
    await _happens(session.opened)
    assert not user.sessions.give_up(session, opening)
    await user.left(session)


async def test_who_joins_may_give_up_at_any_time(user: User, driver: FakeDriver) -> None:
    driver.hold("open_session")
    session, mine = user.join("name"), user.opening()
    held = await driver.entered()
    assert user.join("name", mine) is session
    assert user.sessions.give_up(session, mine)
    user.sessions.leave(session)
    held.finish()
    await _happens(session.opened)
    assert session.room is not None
    await user.left(session)


async def test_nobody_joins_an_opening_that_was_given_up(
    user: User, bench: Bench, driver: FakeDriver
) -> None:
    await _block_the_crew(bench, driver)
    opening = user.opening()
    given_up = user.join("name", opening)
    await wait_all_tasks_blocked()
    assert user.sessions.give_up(given_up, opening)
    fresh = user.join("name")
    assert fresh is not given_up
    user.sessions.leave(given_up)
    driver.let_go()
    await _happens(fresh.opened)
    assert fresh.room is not None
    await user.left(fresh)


async def test_a_session_that_everybody_left_while_it_opened_is_closed(
    user: User, driver: FakeDriver
) -> None:
    driver.hold("open_session")
    session = user.join("name")
    held = await driver.entered()
    user.sessions.leave(session)
    held.finish()
    await _happens(session.closed)
    assert driver.sessions == set()
    assert user.account.counts == Counts()


# -- failure -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [None, "name"])
async def test_a_refusal_of_the_tee_is_everybody_s_who_waited(
    user: User, driver: FakeDriver, name: str | None
) -> None:
    driver.hold("open_session")
    session = user.join(name)
    held = await driver.entered()
    waiting = [user.join(name) for _ in range(3)] if name else []
    held.finish(BUSY)
    await _happens(session.opened)
    assert session.answer == BUSY
    assert waiting == [session] * len(waiting)
    driver.let_go()

    fresh = await user.joined(name)
    assert fresh is not session
    for _ in [session, *waiting]:
        user.sessions.leave(session)
    await _happens(session.closed)
    await user.left(fresh)
    assert len(driver.called("close_session")) == 1
    assert user.sessions.openings == 1


async def test_a_refusal_of_the_driver_is_an_error(user: User, driver: FakeDriver) -> None:
    driver.fail["open_session"] = OSError(1, "not permitted")
    session = user.join("name")
    await _happens(session.opened)
    assert isinstance(session.answer, TeeError)
    assert session.answer.code == Result.ERROR_GENERIC
    await user.left(session)


async def test_an_opening_that_meets_a_dying_instance_is_tried_again(
    user: User, driver: FakeDriver
) -> None:
    answers = iter([DEAD, DEAD, None])
    driver.on_open = lambda opening: next(answers)
    session = await user.joined("name")
    assert len(driver.called("open_session")) == 3
    await user.left(session)


async def test_an_instance_that_stays_dead_is_told(user: User, driver: FakeDriver) -> None:
    driver.on_open = lambda opening: DEAD
    session = user.join("name")
    await _happens(session.opened)
    assert session.answer == DEAD
    assert len(driver.called("open_session")) == OPEN_TRIES
    await user.left(session)


async def test_target_dead_from_the_application_itself_is_an_answer(
    user: User, driver: FakeDriver
) -> None:
    driver.on_open = lambda opening: Answer(DEAD.result, Origin.TRUSTED_APP, ())
    session = user.join()
    await _happens(session.opened)
    assert len(driver.called("open_session")) == 1
    await user.left(session)


async def test_a_dead_session_frees_its_name_at_once(user: User, driver: FakeDriver) -> None:
    dead = await user.joined("name")
    assert dead.room is not None
    dead.room.core.dead = True
    fresh = await user.joined("name")
    assert fresh is not dead
    await user.left(dead)
    assert user.join("name") is fresh
    user.sessions.leave(fresh)
    await user.left(fresh)
    assert driver.sessions == set()


async def test_a_session_that_does_not_close_is_over_all_the_same(
    user: User, driver: FakeDriver
) -> None:
    session = await user.joined("name")
    driver.fail["close_session"] = OSError(22, "no such session")
    await user.left(session)
    assert user.account.counts == Counts()


# -- one after the other -------------------------------------------------------------------


async def test_who_joins_while_the_session_closes_waits_for_that(
    user: User, driver: FakeDriver
) -> None:
    closing = await user.joined("name")
    driver.hold("close_session")
    user.sessions.leave(closing)
    held = await driver.entered()
    fresh = user.join("name")
    await wait_all_tasks_blocked()
    assert len(driver.called("open_session")) == 1
    held.finish()
    await _happens(fresh.opened)
    assert fresh.room is not None
    driver.let_go()
    await user.left(fresh)


async def test_who_waits_for_a_session_to_close_may_give_up(
    user: User, driver: FakeDriver
) -> None:
    closing = await user.joined("name")
    driver.hold("close_session")
    user.sessions.leave(closing)
    held = await driver.entered()
    opening = user.opening()
    waiting = user.join("name", opening)
    await wait_all_tasks_blocked()
    assert user.sessions.give_up(waiting, opening)
    await _happens(waiting.opened)
    user.sessions.leave(waiting)

    fresh = user.join("name")  # and it is still not before the first has closed
    await wait_all_tasks_blocked()
    assert len(driver.called("open_session")) == 1
    held.finish()
    await _happens(fresh.opened)
    driver.let_go()
    await user.left(fresh)
    assert len(driver.called("open_session")) == 2


async def test_who_waits_for_another_try_may_give_up(
    user: User, driver: FakeDriver, mock_clock: MockClock
) -> None:
    driver.hold("open_session")
    opening = user.opening()
    session = user.join("name", opening)
    held = await driver.entered()
    held.finish(DEAD)
    while session.errand is not None:
        await trio.to_thread.run_sync(os.sched_yield)
    assert user.sessions.give_up(session, opening)  # no time goes by before the next try
    await _happens(session.opened)
    assert isinstance(session.answer, TeeError)
    assert session.answer.reason == "cancelled"
    await user.left(session)
    assert len(driver.called("open_session")) == 1


async def test_an_opening_waits_for_its_owner_s_turn(
    user: User, bench: Bench, driver: FakeDriver
) -> None:
    await _block_the_crew(bench, driver)
    order: list[str] = []
    for name in ("a1", "a2"):
        bench.crew.submit(Errand("a", lambda name=name: order.append(name)))
    driver.on_open = lambda opening: order.append("b")
    session = user.join(owner="b")
    await wait_all_tasks_blocked()
    driver.let_go()
    await _happens(session.opened)
    await user.left(session)
    assert order[:2] == ["a1", "b"]
