"""The last secure thread is lent to calls that are known to be brief, and to no others."""

import threading
from collections.abc import Iterator

import pytest
from teed.channels._core import ffi, lib

from teed.channels.work import Errand, Room

from .bench import Bench, Line
from .fakes import PATIENCE, FakeDriver

APP, ANOTHER = bytes(range(16)), bytes(16)
MILLISECOND = 1_000_000
BRIEF, LONG, UNKNOWN = 1, 2, 3


# -- the record ----------------------------------------------------------------------------


class Records:
    """What is known of commands, where 10 ms is brief."""

    def __init__(self) -> None:
        self._records = ffi.new("struct teed_records *", {"brief_ns": 10 * MILLISECOND})

    def note(self, milliseconds: int, command: int = 0, times: int = 1) -> None:
        for _ in range(times):
            lib.teed_note(self._records, APP, command, milliseconds * MILLISECOND)

    def is_brief(self, command: int = 0, application: bytes = APP) -> bool:
        return bool(lib.teed_is_brief(self._records, application, command))


@pytest.fixture
def records() -> Records:
    return Records()


def test_a_command_that_was_never_seen_is_not_brief(records: Records) -> None:
    assert not records.is_brief(0, APP)
    assert not records.is_brief(0, ANOTHER)


def test_a_command_is_brief_after_enough_brief_runs_in_a_row(records: Records) -> None:
    records.note(10, times=lib.TEED_BRIEF_RUNS - 1)
    assert not records.is_brief()
    records.note(10)
    assert records.is_brief()
    records.note(10, times=1000)
    assert records.is_brief()


def test_one_long_run_is_enough_to_start_again(records: Records) -> None:
    records.note(1, times=100)
    records.note(11)
    assert not records.is_brief()
    records.note(1, times=lib.TEED_BRIEF_RUNS - 1)
    assert not records.is_brief()
    records.note(1)
    assert records.is_brief()


def test_what_is_known_of_a_command_says_nothing_of_another(records: Records) -> None:
    records.note(1, times=100)
    assert not records.is_brief(1)
    assert not records.is_brief(0, ANOTHER)


def test_what_is_forgotten_is_not_brief(records: Records) -> None:
    for command in range(4 * lib.TEED_RECORDS):
        records.note(1, command, lib.TEED_BRIEF_RUNS)
    known = sum(map(records.is_brief, range(4 * lib.TEED_RECORDS)))
    assert 0 < known <= lib.TEED_RECORDS


def test_who_takes_the_record_of_another_begins_anew(records: Records) -> None:
    commands = range(2 * lib.TEED_RECORDS)
    for command in commands:
        records.note(1, command, lib.TEED_BRIEF_RUNS)
    strangers = range(len(commands), 2 * len(commands))
    for command in strangers:
        records.note(1, command)
    assert not any(map(records.is_brief, strangers))


# -- the crew ------------------------------------------------------------------------------


class Pair(Bench):
    """A crew for one call of whatever length, and *spare* that are known to be brief."""

    def __init__(self, driver: FakeDriver, spare: int = 1) -> None:
        super().__init__(driver, 1, spare, brief=PATIENCE)

    def learnt(self) -> "Pair":
        """The same, with a command that it knows."""
        line = self.line("a teacher")
        for number in range(lib.TEED_BRIEF_RUNS):
            line.ask(number, BRIEF)
            assert line.answer().id == number
        return self

    def waiting(self, owner: str = "b", room: Room | None = None) -> Line:
        """A request that may take long, and that a worker has looked at."""
        line = self.line(owner, room)
        line.ask(2, UNKNOWN)
        self.look_around()
        assert line.channel.core.place == lib.TEED_PATIENT
        return line

    def look_around(self) -> None:
        """Let the free worker take what it can; what it answers is answered at once."""
        probe = self.line("a probe")
        probe.ask(1, method="unknown")
        probe.answer()


@pytest.fixture
def bench(driver: FakeDriver, request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(driver, getattr(request, "param", 1)).learnt()
    driver.hold("invoke")
    yield made
    made.close()


def _entered(driver: FakeDriver) -> int:
    """The command that enters the TEE next, and is held there."""
    return driver.next_held().arguments[1]


def test_a_brief_call_does_not_wait_for_a_long_one(bench: Pair, driver: FakeDriver) -> None:
    slow, quick = bench.line("a"), bench.line("b")
    slow.ask(1, LONG)
    running = driver.next_held()
    quick.ask(2, BRIEF)
    driver.next_held().finish()
    assert quick.answer().id == 2
    running.finish()
    assert slow.answer().id == 1


def test_a_call_of_which_nothing_is_known_does_not_get_the_last_thread(
    bench: Pair, driver: FakeDriver
) -> None:
    slow, quick = bench.line("a"), bench.line("c")
    slow.ask(1, LONG)
    running = driver.next_held()
    waiting = bench.waiting()
    quick.ask(3, BRIEF)
    assert _entered(driver) == BRIEF
    assert len(driver.called("invoke")) == lib.TEED_BRIEF_RUNS + 2
    running.finish()
    driver.let_go()
    assert waiting.answer().id == 2


def test_a_long_call_does_not_wait_for_a_brief_one(bench: Pair, driver: FakeDriver) -> None:
    quick, slow = bench.line("a"), bench.line("b")
    quick.ask(1, BRIEF)
    assert _entered(driver) == BRIEF
    slow.ask(2, LONG)
    assert _entered(driver) == LONG


def test_a_brief_call_on_the_last_thread_holds_no_long_one_up(
    bench: Pair, driver: FakeDriver
) -> None:
    first, quick, waiting = bench.line("a"), bench.line("b"), bench.line("c")
    first.ask(1, LONG)
    running = driver.next_held()
    quick.ask(2, BRIEF)
    brief = driver.next_held()
    waiting.ask(3, LONG)
    running.finish()
    assert _entered(driver) == LONG
    brief.finish()
    assert quick.answer().id == 2


def test_a_session_whose_call_waits_for_a_thread_is_open_to_brief_ones(
    bench: Pair, driver: FakeDriver
) -> None:
    slow, room = bench.line("a"), bench.room()
    slow.ask(1, LONG)
    running = driver.next_held()
    waiting, quick = bench.waiting("b", room), bench.line("c", room)
    quick.ask(3, BRIEF)
    assert _entered(driver) == BRIEF
    running.finish()
    driver.let_go()
    assert (waiting.answer().id, quick.answer().id) == (2, 3)
    assert driver.most_in_a_session == 1


@pytest.mark.parametrize("bench", [2], indirect=True, ids=["two spare threads"])
def test_who_is_given_a_session_and_cannot_enter_hands_it_on(
    bench: Pair, driver: FakeDriver
) -> None:
    slow, room = bench.line("a"), bench.room()
    first, second, third = (bench.line(owner, room) for owner in "bcd")
    slow.ask(1, LONG)
    driver.next_held()
    first.ask(2, BRIEF)
    brief = driver.next_held()
    second.ask(3, UNKNOWN)
    third.ask(4, BRIEF)
    bench.look_around()  # they are at the door now
    brief.finish()
    assert first.answer().id == 2
    assert _entered(driver) == BRIEF
    assert second.channel.waits


def test_who_waits_for_a_thread_can_be_withdrawn(bench: Pair, driver: FakeDriver) -> None:
    slow = bench.line("a")
    slow.ask(1, LONG)
    driver.next_held()
    waiting = bench.waiting()
    assert bench.crew.withdraw_request(waiting.channel, 2)
    error = waiting.answer().error
    assert error is not None
    assert error.reason == "cancelled"
    waiting.ask(3, BRIEF)
    assert _entered(driver) == BRIEF


def test_who_waits_for_a_thread_can_leave(bench: Pair, driver: FakeDriver) -> None:
    slow = bench.line("a")
    slow.ask(1, LONG)
    running = driver.next_held()
    waiting, idle = bench.waiting(), threading.Event()
    bench.crew.retire(waiting.channel, idle.set)
    assert idle.wait(PATIENCE)
    running.finish()
    assert slow.answer().id == 1
    assert not waiting.has_answer()


def test_the_end_of_a_channel_and_a_fault_need_no_thread_of_the_tee(
    bench: Pair, driver: FakeDriver
) -> None:
    slow, leaving, broken = bench.line("a"), bench.line("b"), bench.line("c")
    slow.ask(1, LONG)
    driver.next_held()
    leaving.socket.close()
    assert bench.losses.get(timeout=PATIENCE) == (leaving.channel, None)
    broken.send(b"\xc1")
    channel, why = bench.losses.get(timeout=PATIENCE)
    assert channel is broken.channel
    assert why is not None


def test_an_errand_does_not_get_the_last_thread(bench: Pair, driver: FakeDriver) -> None:
    slow, done = bench.line("a"), threading.Event()
    slow.ask(1, LONG)
    running = driver.next_held()
    errand, withdrawn = Errand("b", done.set), Errand("b", done.set)
    bench.crew.submit(errand)
    bench.crew.submit(withdrawn)
    bench.look_around()
    assert not done.is_set()
    assert bench.crew.withdraw(withdrawn)
    running.finish()
    assert done.wait(PATIENCE)
    assert not bench.crew.withdraw(errand)


def test_those_who_wait_for_a_thread_are_served_in_turn(
    bench: Pair, driver: FakeDriver
) -> None:
    bench.line("a").ask(1, LONG)
    running = driver.next_held()
    for owner in ("greedy", "greedy", "greedy", "polite"):
        bench.waiting(owner)
    order = []
    for _ in range(4):
        running.finish()
        running = driver.next_held()
        order.append(running.arguments[0])
    assert len(set(order)) == 4
    assert order.index(max(order)) == 1  # the polite one came last, and is second
