"""Fresh memory waits on the shelf, and nobody ever gets what another has had."""

import errno
import os
from collections.abc import AsyncIterator, Callable

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from teed.memory.stock import Stock

from .fakes import PATIENCE, FakeDriver

Kept = Callable[[dict[int, int]], Stock]


@pytest.fixture
async def keep(driver: FakeDriver) -> AsyncIterator[Kept]:
    """Makes a stock that is kept filled until the end of the test."""
    async with trio.open_nursery() as nursery:

        def kept(wanted: dict[int, int]) -> Stock:
            stock = Stock(driver, wanted)
            nursery.start_soon(stock.keep_filled)
            return stock

        yield kept
        nursery.cancel_scope.cancel()


async def _until(condition: Callable[[], bool]) -> None:
    """Let the makers work until it is so."""
    with trio.fail_after(PATIENCE):
        while not condition():
            await trio.to_thread.run_sync(os.sched_yield)


async def test_the_shelf_is_filled_ahead_of_need(keep: Kept, driver: FakeDriver) -> None:
    stock = keep({4096: 2, 65536: 1})
    await _until(lambda: len(stock) == 3)
    assert sorted(memory.size for memory in driver.memories.values()) == [4096, 4096, 65536]


async def test_what_is_in_stock_costs_no_call(keep: Kept, driver: FakeDriver) -> None:
    stock = keep({4096: 2})
    await _until(lambda: len(stock) == 2)
    driver.hold("register")
    memory = await stock.take(1)
    assert memory.size == 4096
    memory.close()
    driver.let_go()


async def test_the_shelf_is_filled_again_and_no_memory_is_given_twice(
    keep: Kept, driver: FakeDriver
) -> None:
    stock = keep({4096: 2})
    taken = []
    for _ in range(20):
        await _until(lambda: len(stock) == 2)
        taken += [await stock.take(4096), await stock.take(4096)]
    assert len({memory.id for memory in taken}) == 40
    for memory in taken:
        memory.close()
    await _until(lambda: len(stock) == 2)
    assert len({os.fstat(each.fd).st_ino for each in driver.memories.values()}) == 2


async def test_many_who_take_at_once_get_memory_of_their_own(keep: Kept) -> None:
    stock = keep({4096: 3})
    taken = []

    async def take() -> None:
        taken.append(await stock.take(4096))

    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(take)
    assert len({memory.id for memory in taken}) == 30
    for memory in taken:
        memory.close()


async def test_what_is_not_stocked_is_made_when_it_is_asked_for(
    keep: Kept, driver: FakeDriver
) -> None:
    stock = keep({})
    memory = await stock.take(10_000)
    assert memory.size == 12_288
    memory.close()
    assert not driver.memories


async def test_memory_is_allocated_where_the_tee_cannot_register() -> None:
    driver = FakeDriver(register=False)
    memory = await Stock(driver, {}).take(4096)
    assert driver.called("allocate") == [[4096]]
    memory.close()


async def test_a_taker_hears_why_there_is_none(driver: FakeDriver) -> None:
    driver.fail["register"] = OSError(errno.ENOMEM, "no more")
    with pytest.raises(OSError, match="no more"):
        await Stock(driver, {4096: 1}).take(4096)


async def test_a_failing_refill_is_survived_and_made_good(
    keep: Kept, driver: FakeDriver
) -> None:
    driver.fail["register"] = OSError(errno.ENOMEM, "no more")
    stock = keep({4096: 2})
    await _until(lambda: len(driver.called("register")) == 1)
    await wait_all_tasks_blocked()
    assert len(stock) == 0

    driver.fail.clear()
    (await stock.take(4096)).close()
    await _until(lambda: len(stock) == 2)


async def test_the_end_leaves_nothing_on_the_shelf(driver: FakeDriver) -> None:
    stock = Stock(driver, {4096: 4})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stock.keep_filled)
        await _until(lambda: len(stock) == 4)
        nursery.cancel_scope.cancel()
    assert not driver.memories


async def test_the_end_in_the_middle_of_a_refill_leaves_nothing(driver: FakeDriver) -> None:
    stock = Stock(driver, {4096: 4})
    driver.hold("register")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stock.keep_filled)
        held = await driver.entered()
        nursery.cancel_scope.cancel()
        held.finish()
    assert not driver.memories
