"""The crew runs one call a session at a time, in everybody's turn, and cancels no other's."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import msgpack
import pytest

from teed.channels.work import Errand
from teed.driver.interface import Answer
from teed_protocol.codes import Origin, Result
from teed_protocol.messages import MAX_MESSAGE, Notification, Request, encode

from .bench import Bench, Line, workers
from .fakes import PATIENCE, FakeDriver

Crews = Callable[[int], Bench]


@pytest.fixture
def crew_of(driver: FakeDriver) -> Iterator[Crews]:
    benches: list[Bench] = []

    def make(size: int) -> Bench:
        benches.append(Bench(driver, size))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


def _entered(driver: FakeDriver) -> int:
    """Hold the next call inside; the session that it is in."""
    return driver.next_held().arguments[0]


# -- one call at a time --------------------------------------------------------------------


def test_a_request_is_run_and_answered(crew_of: Crews, driver: FakeDriver) -> None:
    line = crew_of(1).line()
    driver.on_invoke = lambda session, command, parameters: Answer(command, 4, parameters)
    line.ask(7, command=0xBEEF)
    answer = line.answer()
    assert (answer.id, answer.error, answer.result) == (7, None, [0xBEEF, 4, []])


def test_a_session_has_one_call_at_a_time_and_who_waits_holds_no_worker(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench = crew_of(2)
    room = bench.room()
    first, second, elsewhere = bench.line("a", room), bench.line("b", room), bench.line("c")
    driver.hold("invoke")
    first.ask(1)
    running = driver.next_held()
    second.ask(2)
    elsewhere.ask(3)
    # The second stood in line before this one: were it not parked, it would be here.
    assert _entered(driver) == elsewhere.channel.room.number
    running.finish()
    assert first.answer().id == 1
    assert _entered(driver) == room.number
    driver.let_go()
    assert (second.answer().id, elsewhere.answer().id) == (2, 3)
    assert driver.most_in_a_session == 1


def test_many_channels_of_one_session_lose_nothing(crew_of: Crews, driver: FakeDriver) -> None:
    bench = crew_of(3)
    room = bench.room()
    lines = [bench.line(owner, room) for owner in range(10)]

    def work(line: Line) -> None:
        for number in range(20):
            line.ask(number)
            assert line.answer().id == number

    threads = [threading.Thread(target=work, args=[line]) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(driver.called("invoke")) == bench.crew.invocations == 200
    assert driver.most_in_a_session == 1


@pytest.mark.parametrize("shared", [False, True], ids=["own sessions", "one session"])
def test_a_client_with_64_channels_leaves_another_every_second_turn(
    crew_of: Crews, driver: FakeDriver, shared: bool
) -> None:
    bench = crew_of(1)
    room = bench.room() if shared else None
    greedy = [bench.line("greedy", room) for _ in range(64)]
    polite = bench.line("polite", room)
    driver.hold("invoke")
    for line in greedy:
        line.ask(1, command=1)
    order = []
    for turn in range(10):
        running = driver.next_held()
        order.append(running.arguments[1])
        if turn % 2 == 0:
            polite.ask(turn, command=2)
        running.finish()
        if order[-1] == 2:
            polite.answer()
    assert order == [1, 2] * 5


def test_clients_are_served_in_turn_at_the_door_of_a_session_too(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench = crew_of(2)
    room = bench.room()
    driver.hold("invoke")
    first = bench.line("first", room)
    first.ask(0)
    running = driver.next_held()
    for command in (1, 1, 1, 2):
        bench.line("greedy" if command == 1 else "polite", room).ask(0, command)
    bench.line("elsewhere").ask(0)
    driver.next_held()  # its worker has parked the others before
    order = []
    for _ in range(4):
        running.finish()
        running = driver.next_held()
        order.append(running.arguments[1])
    assert order == [1, 2, 1, 1]


def test_a_channel_may_send_ahead_and_is_answered_in_order(crew_of: Crews) -> None:
    line = crew_of(2).line()
    for number in range(5):
        line.ask(number)
    assert [line.answer().id for _ in range(5)] == [0, 1, 2, 3, 4]


def test_an_errand_waits_for_its_owner_s_turn(crew_of: Crews, driver: FakeDriver) -> None:
    bench = crew_of(1)
    driver.hold("invoke")
    busy = bench.line("busy")
    busy.ask(1)
    running = driver.next_held()
    done: list[str] = []
    finished = threading.Event()
    for name in ("a", "a again", "b"):
        bench.crew.submit(Errand(name[0], lambda name=name: done.append(name)))
    bench.crew.submit(Errand("a", finished.set))
    running.finish()
    assert finished.wait(PATIENCE)
    assert done == ["a", "b", "a again"]


def test_an_errand_is_taken_up_by_an_idle_crew(crew_of: Crews) -> None:
    bench, done = crew_of(2), threading.Event()
    bench.line()
    bench.crew.submit(Errand("me", done.set))
    assert done.wait(PATIENCE)


def test_an_errand_can_be_taken_back_before_it_runs(crew_of: Crews, driver: FakeDriver) -> None:
    bench, finished = crew_of(1), threading.Event()
    driver.hold("invoke")
    bench.line("busy").ask(1)
    running = driver.next_held()
    unwanted = Errand("me", lambda: pytest.fail("it was taken back"))
    bench.crew.submit(unwanted)
    assert bench.crew.withdraw(unwanted)
    assert not bench.crew.withdraw(unwanted)
    bench.crew.submit(Errand("me", finished.set))
    running.finish()
    assert finished.wait(PATIENCE)


# -- cancelling ----------------------------------------------------------------------------


def _is_cancelled(line: Line, number: int) -> bool:
    answer = line.answer()
    assert answer.error is not None
    return (answer.id, answer.error.reason) == (number, "cancelled")


@pytest.mark.parametrize("place", ["unread in its socket", "parked at its session's door"])
def test_a_request_that_waits_is_withdrawn_and_the_tee_never_hears_of_it(
    crew_of: Crews, driver: FakeDriver, place: str
) -> None:
    parked = place.startswith("parked")
    bench = crew_of(2 if parked else 1)
    room = bench.room()
    running_line, waiting = bench.line("a", room), bench.line("b", room)
    driver.hold("invoke")
    running_line.ask(1)
    running = driver.next_held()
    waiting.ask(2)
    if parked:
        bench.line("c").ask(3)
        driver.next_held().finish()  # so somebody has looked at the waiting one
        assert waiting.channel.waits
    assert not bench.crew.withdraw_request(waiting.channel, 99)
    assert bench.crew.withdraw_request(waiting.channel, 2)
    assert _is_cancelled(waiting, 2)
    assert not bench.crew.withdraw_request(waiting.channel, 2)

    waiting.ask(4)
    running.finish()
    driver.next_held().finish()
    assert waiting.answer().id == 4
    assert [cancel_id for *_, cancel_id in driver.called("invoke")] == (
        [1, 3, 4] if parked else [1, 4]
    )


def test_a_request_that_was_just_read_is_withdrawn_by_its_worker(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench = crew_of(1)
    line = bench.line()
    withdrawn: list[bool] = []
    bench.tap(after_read=lambda: withdrawn.append(bench.crew.withdraw_request(line.channel, 5)))
    line.ask(5)
    assert _is_cancelled(line, 5)
    assert withdrawn == [True]
    line.ask(6)
    assert line.answer().error is None
    assert [cancel_id for *_, cancel_id in driver.called("invoke")] == [6]


def test_a_request_that_is_over_cannot_be_withdrawn(crew_of: Crews) -> None:
    """Not even at the moment at which its worker looks for the next."""
    bench = crew_of(1)
    line = bench.line()
    for _ in range(2000):
        line.ask(5)
        assert line.answer().error is None
        assert not bench.crew.withdraw_request(line.channel, 5)


def test_a_request_on_its_way_is_withdrawn_or_answered_and_never_both(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench = crew_of(1)
    line = bench.line()
    unheard = 0
    for number in range(2000):
        line.ask(number)
        withdrawn = bench.crew.withdraw_request(line.channel, number)
        answer = line.answer()
        assert (answer.id, answer.error is not None) == (number, withdrawn)
        unheard += withdrawn
    assert len(driver.called("invoke")) == 2000 - unheard


def test_a_request_that_is_being_answered_cannot_be_withdrawn(crew_of: Crews) -> None:
    bench = crew_of(1)
    line = bench.line()
    withdrawn: list[bool] = []
    bench.tap(
        before_send=lambda: withdrawn.append(bench.crew.withdraw_request(line.channel, 5))
    )
    line.ask(5)
    assert line.answer().error is None
    assert withdrawn == [False]


def test_a_request_that_runs_cannot_be_withdrawn(crew_of: Crews, driver: FakeDriver) -> None:
    bench = crew_of(1)
    line = bench.line()
    driver.hold("invoke")
    line.ask(5)
    running = driver.next_held()
    assert not bench.crew.withdraw_request(line.channel, 5)
    running.finish()
    assert line.answer().error is None


def test_a_channel_without_a_request_has_none_to_withdraw(crew_of: Crews) -> None:
    bench = crew_of(1)
    line = bench.line()
    assert not bench.crew.withdraw_request(line.channel, 5)
    line.ask(5)
    assert line.answer().error is None


def test_only_the_request_that_runs_is_held(crew_of: Crews, driver: FakeDriver) -> None:
    bench = crew_of(1)
    line = bench.line()
    driver.hold("invoke")
    line.ask(5)
    running = driver.next_held()
    for request, number in ((5, line.channel.room.number), (6, None), (None, None)):
        with bench.crew.holding(line.channel, request) as held:
            assert held == number
    running.finish()
    line.answer()
    with bench.crew.holding(line.channel, 5) as held:
        assert held is None


def test_a_session_is_not_passed_on_while_a_cancellation_is_under_way(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench = crew_of(2)
    room = bench.room()
    cancelled, next_one, elsewhere = bench.line("a", room), bench.line("b", room), bench.line()
    driver.hold("invoke")
    cancelled.ask(1)
    running = driver.next_held()
    next_one.ask(2)
    with bench.crew.holding(cancelled.channel, 1):
        running.finish()
        cancelled.answer()
        elsewhere.ask(3)
        assert _entered(driver) == elsewhere.channel.room.number
        assert len(driver.called("invoke")) == 2
    assert _entered(driver) == room.number
    driver.let_go()


def test_a_client_s_next_request_too_waits_for_the_cancellation(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench = crew_of(2)
    line, elsewhere = bench.line(), bench.line()
    driver.hold("invoke")
    line.ask(1)
    running = driver.next_held()
    with bench.crew.holding(line.channel, 1):
        running.finish()
        line.answer()
        line.ask(2)
        elsewhere.ask(3)
        assert _entered(driver) == elsewhere.channel.room.number
    assert _entered(driver) == line.channel.room.number
    driver.let_go()


# -- the end of a channel ------------------------------------------------------------------


def test_an_idle_channel_retires_at_once(crew_of: Crews) -> None:
    bench, idle = crew_of(1), threading.Event()
    line = bench.line()
    assert bench.crew.retire(line.channel, idle.set) is None
    assert idle.is_set()
    line.ask(1)
    other = bench.line()
    other.ask(2)
    assert other.answer().id == 2
    assert not line.has_answer()


def test_a_parked_channel_retires_at_once(crew_of: Crews, driver: FakeDriver) -> None:
    bench, idle = crew_of(2), threading.Event()
    room = bench.room()
    first, second, third = (bench.line(owner, room) for owner in "abc")
    driver.hold("invoke")
    first.ask(1)
    running = driver.next_held()
    second.ask(2)
    third.ask(3)
    bench.line().ask(4)
    driver.next_held().finish()
    assert second.channel.waits
    bench.crew.retire(second.channel, idle.set)
    assert idle.wait(PATIENCE)
    running.finish()
    driver.next_held().finish()
    assert third.answer().id == 3
    assert second.ours.recv(100, socket.MSG_PEEK | socket.MSG_DONTWAIT)  # nobody read it


def test_a_channel_that_was_given_the_session_passes_it_on_when_it_retires(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench, idle = crew_of(2), threading.Event()
    room = bench.room()
    first, second, third = (bench.line(owner, room) for owner in "abc")
    driver.hold("invoke")
    first.ask(1)
    running = driver.next_held()
    second.ask(2)
    third.ask(3)
    bench.line().ask(4)
    driver.next_held()  # the other worker is busy too, and has parked those two

    def retire_the_next() -> None:
        assert room.core.inside == second.channel.core
        bench.crew.retire(second.channel, idle.set)

    bench.crew.submit(Errand("z", retire_the_next))  # in line before who gets the session
    running.finish()
    assert idle.wait(PATIENCE)
    driver.next_held().finish()
    assert third.answer().id == 3


def test_a_channel_whose_call_runs_retires_when_it_returns(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench, idle = crew_of(1), threading.Event()
    line = bench.line()
    driver.hold("invoke")
    line.ask(5)
    running = driver.next_held()
    assert bench.crew.retire(line.channel, idle.set) == 5
    assert not idle.is_set()
    running.finish()
    assert idle.wait(PATIENCE)


def test_a_request_that_is_read_while_its_channel_retires_does_not_enter_the_tee(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench, idle = crew_of(1), threading.Event()
    line = bench.line()
    bench.tap(after_read=lambda: bench.crew.retire(line.channel, idle.set))
    line.ask(5)
    assert idle.wait(PATIENCE)
    assert _is_cancelled(line, 5)
    assert driver.called("invoke") == []


def test_a_descriptor_s_number_can_be_used_again(crew_of: Crews) -> None:
    bench = crew_of(2)
    for number in range(50):
        line = bench.line()
        line.ask(number)
        assert line.answer().id == number
        idle = threading.Event()
        bench.crew.retire(line.channel, idle.set)
        assert idle.wait(PATIENCE)
        line.ours.close()
        line.socket.close()


# -- misfortune ----------------------------------------------------------------------------


def test_a_hang_up_is_told_and_is_no_fault(crew_of: Crews) -> None:
    bench = crew_of(1)
    line = bench.line()
    line.socket.close()
    assert bench.losses.get(timeout=PATIENCE) == (line.channel, None)


def test_a_client_that_hangs_up_during_its_call_troubles_nobody(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench = crew_of(1)
    line, other = bench.line(), bench.line()
    driver.hold("invoke")
    line.ask(1)
    running = driver.next_held()
    line.socket.close()
    running.finish()
    assert bench.losses.get(timeout=PATIENCE) == (line.channel, None)
    driver.let_go()
    other.ask(2)
    assert other.answer().id == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\xc1", "not msgpack"),
        (b"[0, 1]", "not msgpack"),
        (encode(Notification("invoke", [])), "a channel takes requests"),
        (encode(Request(1, "invoke", [])), "command: "),
        (encode(Request(1, "invoke", [0, [[5, 0, 0]]])), "parameters: "),
        (msgpack.packb([0, 1, "invoke", [0, []], 0]), "not a request"),
        (bytes(MAX_MESSAGE + 1), "more than 65536 bytes"),
        (bytes(100_000), "more than 65536 bytes"),
    ],
)
def test_a_malformed_message_is_told_with_its_fault(
    crew_of: Crews, body: bytes, words: str
) -> None:
    bench = crew_of(1)
    line, other = bench.line(), bench.line()
    line.send(body)
    channel, why = bench.losses.get(timeout=PATIENCE)
    assert channel is line.channel
    assert why is not None
    assert words in why
    other.ask(2)
    assert other.answer().id == 2


def test_what_was_sent_after_a_fault_is_neither_run_nor_withdrawn(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench = crew_of(1)
    line, other = bench.line(), bench.line()
    line.send(b"\xc1")
    line.ask(1)
    bench.losses.get(timeout=PATIENCE)
    other.ask(2)
    assert other.answer().id == 2
    assert not bench.crew.withdraw_request(line.channel, 1)
    assert not line.has_answer()


@pytest.mark.parametrize("method", ["hello", "", "\0" * 60_000, "\U0001f512" * 15_000])
def test_an_unknown_method_is_an_error_and_the_channel_lives_on(
    crew_of: Crews, driver: FakeDriver, method: str
) -> None:
    bench = crew_of(1)
    line = bench.line()
    line.ask(1, method=method)
    error = line.answer().error
    assert error is not None
    assert (error.code, error.reason) == (Result.ERROR_NOT_IMPLEMENTED, "unknown-method")
    line.ask(2)
    assert line.answer().error is None
    assert bench.crew.invocations == len(driver.called("invoke")) == 1


def test_a_client_that_does_not_read_its_answers_is_lost(crew_of: Crews) -> None:
    bench = crew_of(1)
    line, other = bench.line(), bench.line()

    def ask_and_ask() -> None:
        with suppress(BrokenPipeError):
            while True:
                line.ask(1)

    client = threading.Thread(target=ask_and_ask)
    client.start()
    assert bench.losses.get(timeout=PATIENCE) == (line.channel, "answers are not read")
    other.ask(1)
    assert other.answer().id == 1
    line.ours.shutdown(socket.SHUT_RDWR)
    client.join(PATIENCE)


def test_a_refusal_of_the_driver_is_an_error_and_the_channel_lives_on(
    crew_of: Crews, driver: FakeDriver
) -> None:
    line = crew_of(1).line()
    driver.fail["invoke"] = OSError(12, "no more")
    line.ask(1)
    error = line.answer().error
    assert error is not None
    assert (error.code, error.origin, error.reason) == (
        Result.ERROR_OUT_OF_MEMORY,
        Origin.COMMS,
        "driver",
    )
    driver.fail.clear()
    line.ask(2)
    assert line.answer().error is None


@pytest.mark.parametrize(("origin", "dead"), [(Origin.TEE, True), (Origin.TRUSTED_APP, False)])
def test_a_dead_application_ends_its_session(
    crew_of: Crews, driver: FakeDriver, origin: Origin, dead: bool
) -> None:
    line = crew_of(1).line()
    driver.on_invoke = lambda *call: Answer(Result.ERROR_TARGET_DEAD, origin, [])
    line.ask(1)
    assert line.answer().result == [Result.ERROR_TARGET_DEAD, origin, []]
    assert line.channel.room.dead is dead


def test_a_worker_s_crash_is_loud(crew_of: Crews, driver: FakeDriver) -> None:
    bench = crew_of(1)
    driver.fail["invoke"] = bug = ZeroDivisionError("a bug of ours")
    bench.line().ask(1)
    assert bench.crashes.get(timeout=PATIENCE) is bug


def test_an_idle_crew_stops(driver: FakeDriver) -> None:
    bench = Bench(driver, 3)
    assert workers() == 3
    bench.close()
    assert workers() == 0


def test_a_crew_that_stops_says_whether_a_call_is_still_inside(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench = crew_of(2)
    line = bench.line()
    driver.hold("invoke")
    line.ask(1)
    running = driver.next_held()
    assert not bench.stop(timeout=0)
    running.finish()
    assert line.answer().id == 1
    assert bench.stop(PATIENCE)


def test_what_waits_when_the_crew_stops_does_not_enter_the_tee(
    crew_of: Crews, driver: FakeDriver
) -> None:
    bench = crew_of(1)
    first, second = bench.line("a"), bench.line("b")
    driver.hold("invoke")
    first.ask(1)
    running = driver.next_held()
    second.ask(2)
    assert not bench.stop(timeout=0)
    running.finish()
    assert bench.stop(PATIENCE)
    assert len(driver.called("invoke")) == 1
