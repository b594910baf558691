"""A client's memory: shared with the TEE, counted, and gone when it is released."""

import errno
import mmap
import os
from collections.abc import Iterator

import pytest

from teed.memory.memfd import make_memfd
from teed_protocol.codes import MEMREF_NULL, Attribute, Result

from .conftest import Serve
from .fakes import FakeDriver
from .house import House
from .raw import RawClient, Witness


@pytest.fixture
def memfd() -> Iterator[int]:
    fd = make_memfd(8192)
    yield fd
    os.close(fd)


@pytest.mark.parametrize(("asked", "given"), [(0, 4096), (1, 4096), (4096, 4096), (4097, 8192)])
async def test_an_allocation_is_shared_with_the_tee_and_all_zero(
    client: RawClient, driver: FakeDriver, asked: int, given: int
) -> None:
    number, size = await client.result("allocate", asked)
    assert (number, size) == (1, given)
    fd = client.fds.pop()
    with mmap.mmap(fd, size) as pages:
        assert pages[:] == bytes(size)
    files = {os.fstat(memory.fd).st_ino for memory in driver.memories.values()}
    assert os.fstat(fd).st_ino in files
    os.close(fd)


async def test_an_allocated_buffer_can_be_used_and_released(
    client: RawClient, driver: FakeDriver
) -> None:
    buffer = await client.allocate()
    _, channel = await client.open()
    assert (await channel.invoke(1, 0, [[6, 0, 16, buffer]])).error is None
    assert await client.result("release", buffer) is None
    response = await channel.invoke(2, 0, [[6, 0, 16, buffer]])
    assert response.error is not None
    assert response.error.reason == "bad-buffer"
    assert await client.reason("release", buffer) == "bad-buffer"
    assert len(driver.called("invoke")) == 1


async def test_memory_is_registered_in_place(
    client: RawClient, driver: FakeDriver, memfd: int
) -> None:
    assert await client.result("register", 5000, fds=[memfd]) == [1, 5000]
    registered = [memory for memory in driver.memories.values() if memory.size == 5000]
    assert [os.fstat(each.fd).st_ino for each in registered] == [os.fstat(memfd).st_ino]


@pytest.mark.parametrize("size", [0, 8193, 2**64 - 1])
async def test_a_memfd_that_is_too_small_is_refused_and_closed(
    client: RawClient, driver: FakeDriver, memfd: int, size: int
) -> None:
    assert await client.reason("register", size, fds=[memfd]) == "bad-memfd"
    assert (await client.result("status"))["buffers"] == 0


async def test_what_is_no_memfd_is_refused_and_closed(
    client: RawClient, witness: Witness
) -> None:
    assert await client.reason("register", 4096, fds=[witness.fd]) == "bad-memfd"
    await witness.is_closed()


async def test_where_the_tee_cannot_register_it_works_on_a_copy(
    tmp_path: os.PathLike[str], serve: Serve, driver: FakeDriver, memfd: int
) -> None:
    driver.version = FakeDriver(register=False).version
    client = await (await serve()).client()
    buffer, _ = await client.result("register", 8192, fds=[memfd])
    _, channel = await client.open()

    def shout(*call: object) -> None:
        (parameter,) = call[2]
        with mmap.mmap(driver.memories[parameter.c].fd, 8192) as pages:
            pages[:16] = pages[:16].upper()

    driver.on_invoke = shout
    with mmap.mmap(memfd, 8192) as pages:
        pages[:16] = b"hello hello hell"
        await channel.invoke(1, 0, [[7, 0, 8, buffer]])
        assert pages[:16] == b"HELLO HEllo hell"


@pytest.mark.parametrize("register", [True, False])
async def test_an_allocation_that_the_driver_refuses_is_not_counted(
    serve: Serve, driver: FakeDriver, register: bool
) -> None:
    driver.version = FakeDriver(register=register).version
    client = await (await serve(stock={"small": 0, "arena": 0})).client()
    driver.fail["register" if register else "allocate"] = OSError(errno.ENOMEM, "no more")
    error = (await client.call("allocate", 4096)).error
    assert error is not None
    assert (error.code, error.reason) == (Result.ERROR_OUT_OF_MEMORY, "driver")
    assert "no more" in error.text
    status = await client.result("status")
    assert (status["buffers"], status["bytes"]) == (0, 0)


@pytest.mark.parametrize("register", [True, False])
async def test_a_registration_that_the_driver_refuses_is_not_counted_and_closed(
    serve: Serve, driver: FakeDriver, memfd: int, register: bool
) -> None:
    driver.version = FakeDriver(register=register).version
    client = await (await serve(stock={"small": 0, "arena": 0})).client()
    driver.fail["register" if register else "allocate"] = OSError(errno.EFAULT, "bad")
    error = (await client.call("register", 4096, fds=[memfd])).error
    assert error is not None
    assert (error.code, error.reason) == (Result.ERROR_GENERIC, "driver")
    status = await client.result("status")
    assert (status["buffers"], status["bytes"]) == (0, 0)


async def test_a_copy_that_cannot_be_made_leaves_nothing(
    serve: Serve, driver: FakeDriver, memfd: int
) -> None:
    driver.version = FakeDriver(register=False).version
    client = await (await serve(stock={"small": 0, "arena": 0})).client()
    driver.unmappable = True
    assert await client.reason("register", 4096, fds=[memfd]) == "driver"
    assert driver.memories == {}


@pytest.mark.parametrize(("name", "limit"), [("buffers", 2), ("bytes", 8192)])
async def test_a_user_s_memory_is_limited_over_all_connections(
    serve: Serve, memfd: int, name: str, limit: int
) -> None:
    house = await serve(limits={name: limit})
    first, second = await house.client(), await house.client()
    buffer = await first.allocate()
    await second.allocate()
    assert await second.reason("allocate", 0) == "limit"
    assert await first.reason("register", 4096, fds=[memfd]) == "limit"
    await first.result("release", buffer)
    await second.allocate()


async def test_a_size_beyond_everything_is_a_limit(client: RawClient) -> None:
    assert await client.reason("allocate", 2**64 - 1) == "limit"


async def test_one_client_s_buffer_is_nothing_to_another(
    client: RawClient, other: RawClient, driver: FakeDriver
) -> None:
    buffer = await client.allocate()
    assert await other.reason("release", buffer) == "bad-buffer"
    _, channel = await other.open()
    response = await channel.invoke(1, 0, [[5, 0, 1, buffer]])
    assert response.error is not None
    assert response.error.text == f"there is no buffer {buffer}"


async def test_the_driver_s_own_numbers_reach_nothing(
    client: RawClient, driver: FakeDriver
) -> None:
    await client.allocate()
    _, channel = await client.open()
    for number in driver.memories:
        response = await channel.invoke(1, 0, [[5, 0, 1, number]])
        assert response.error is not None
        assert response.error.reason == "bad-buffer"


@pytest.mark.parametrize("null", [True, False])
async def test_a_null_reference_is_taken_where_the_tee_has_it(
    serve: Serve, driver: FakeDriver, null: bool
) -> None:
    driver.version = FakeDriver(null=null).version
    client = await (await serve()).client()
    _, channel = await client.open()
    response = await channel.invoke(1, 0, [[Attribute.MEMREF_INPUT, 0, 0, MEMREF_NULL]])
    assert (response.error is None) is null


async def test_memory_that_a_call_uses_outlives_its_release_and_its_client(
    house: House, client: RawClient, driver: FakeDriver
) -> None:
    buffer = await client.allocate(12_288)
    (shared,) = (each.id for each in driver.memories.values() if each.size == 12_288)
    _, channel = await client.open()
    driver.hold("invoke")
    await channel.ask(1, 0, [[6, 0, 16, buffer]])
    running = await driver.entered()
    assert await client.result("release", buffer) is None
    assert (await client.result("status"))["bytes"] == 12_288
    client.close()
    assert shared in driver.memories
    running.finish()
    await house.empty()
    assert shared not in driver.memories


async def test_a_client_that_vanishes_while_it_allocates_is_charged_for_nothing(
    serve: Serve, driver: FakeDriver
) -> None:
    house = await serve(stock={"small": 0, "arena": 0})
    client, other = await house.client(), await house.client()
    driver.hold("register")
    await client.ask("allocate", 4096)
    await driver.entered()
    await client.ask("allocate", 4096)
    await client.ask("allocate", 4096)
    await house.until(lambda: house.daemon.accounts.total("buffers") == 3)
    client.close()
    await other.result("status")
    driver.let_go()
    await house.until(lambda: house.daemon.accounts.total("clients") == 1)
    assert house.daemon.accounts.total("buffers") == 0


async def test_a_client_that_registers_and_vanishes_at_once_is_charged_for_nothing(
    house: House, memfd: int
) -> None:
    for _ in range(40):
        client = await house.client()
        await client.ask("register", 4096, fds=[memfd])
        client.close()
    await house.empty()


async def test_a_released_buffer_costs_nothing_more(emulated: House) -> None:
    """The client keeps its memfd, which no limit counts any longer."""
    client = await emulated.client()
    number, size = await client.result("allocate", 2**20)
    memfd = client.fds.pop()
    with mmap.mmap(memfd, size) as kept:
        kept[:] = b"x" * size
        await client.result("release", number)
        assert os.fstat(memfd).st_blocks == 0
        assert kept[:] == bytes(size)
    os.close(memfd)
