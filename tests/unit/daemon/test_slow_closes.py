"""A descriptor whose last close takes long holds up nobody but its sender."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from teed import disposal
from teed.accounts import Account
from teed.disposal import THREADS, Disposal
from teed_protocol.messages import Request, encode

from .fakes import PATIENCE, FakeDriver
from .house import House
from .raw import RawClient, Witness

LINGER_SECONDS = 600


@contextmanager
def lingering() -> Iterator[tuple[int, socket.socket]]:
    """A descriptor whose close blocks until the other end, which comes along, is closed.

    A TCP socket with more in it than its peer takes, and told to wait for that.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        slow = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
    with peer:
        slow.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LINGER_SECONDS)
        )
        slow.setblocking(False)
        try:
            while True:
                slow.send(bytes(65536))
        except BlockingIOError:
            yield slow.detach(), peer


def account_of(house: House) -> Account:
    """That of all the clients here."""
    return house.daemon.accounts.of(os.geteuid())


async def test_beside_a_request_that_takes_none(
    house: House, client: RawClient, other: RawClient
) -> None:
    with lingering() as (slow, peer):
        await client.ask("status", fds=[slow])
        socket.close(slow)
        await other.result("status")
        await client.result("status")
        peer.close()


async def test_in_place_of_a_memfd(house: House, client: RawClient, other: RawClient) -> None:
    with lingering() as (slow, peer):
        registering = await client.ask("register", 4096, fds=[slow])
        socket.close(slow)
        error = (await client.answer(registering)).error
        assert error is not None
        assert error.reason == "bad-memfd"
        await other.result("status")
        peer.close()


async def test_on_a_channel(
    house: House, client: RawClient, other: RawClient, driver: FakeDriver
) -> None:
    _, channel = await client.open()
    _, theirs = await other.open()
    driver.hold("invoke")
    await theirs.ask(1)
    running = await driver.entered()  # so that nobody reads the other channel yet
    with lingering() as (slow, peer):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", slow))]
        await channel.socket.sendmsg([encode(Request(1, "invoke", [0, []]))], rights)
        socket.close(slow)
        running.finish()
        await theirs.answer()
        assert await client.goodbye() == "malformed"
        driver.let_go()
        await theirs.invoke(2)
        peer.close()


async def test_unread_when_its_sender_is_hung_up_on(
    house: House, client: RawClient, other: RawClient
) -> None:
    with lingering() as (slow, peer):
        await client.send(b"nonsense")
        await client.send(encode(Request(1, "status", [])), [slow])
        socket.close(slow)
        assert await client.goodbye() == "malformed"
        await other.result("status")
        peer.close()


async def test_of_one_user_beside_those_of_another(witness: Witness) -> None:
    slow_one, other = Disposal(), Disposal()
    async with trio.open_nursery() as nursery:
        with ExitStack() as held_up:
            peers = []
            for _ in range(THREADS + 1):
                slow, peer = held_up.enter_context(lingering())
                peers.append(peer)
                nursery.start_soon(slow_one.close, [slow])
            await wait_all_tasks_blocked()
            with trio.fail_after(PATIENCE):
                await other.close([witness.give()])
            assert (slow_one.pending, other.pending) == (THREADS + 1, 0)
            for peer in peers:
                peer.close()


async def test_too_many_of_them_end_the_client_that_sends_another(
    house: House,
    client: RawClient,
    other: RawClient,
    witness: Witness,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disposal, "MOST", 1)
    with lingering() as (one, peer), lingering() as (another, its_peer):
        for slow in (one, another):
            asking = await client.ask("status", fds=[slow])
            socket.close(slow)  # before the daemon's, which is the last then
            await client.answer(asking)
        await house.until(lambda: account_of(house).disposal.pending == 2)
        await client.send(encode(Request(9, "status", [])), [witness.fd])
        assert await client.goodbye() == "limit"
        await other.result("status")
        assert await (await house.connect()).goodbye() == "limit"
        peer.close()
        its_peer.close()
    await house.until(lambda: not account_of(house).disposal.pending)
    await house.client()


async def test_that_nobody_has_read_are_not_all_taken_in(
    house: House, client: RawClient, other: RawClient, witness: Witness
) -> None:
    with lingering() as (slow, peer), socket.socket(fileno=client.dup()) as hasty:
        hasty.send(b"nonsense")  # before the daemon hears any of it
        for fds in ([slow], *[[witness.fd] * 253] * 20):
            socket.send_fds(hasty, [encode(Request(1, "status", []))], fds)
        socket.close(slow)
        await house.until(lambda: account_of(house).disposal.pending != 0)
        assert account_of(house).disposal.pending == 2  # the connection, and the first
        await other.result("status")
        peer.close()


async def test_that_nobody_has_read_and_that_came_with_nothing_else(
    house: House, client: RawClient, witness: Witness
) -> None:
    with socket.socket(fileno=client.dup()) as hasty:
        hasty.send(b"")  # which is the end
        socket.send_fds(hasty, [b""], [witness.fd])
    client.close()
    await witness.is_closed()


async def test_on_a_channel_count_as_their_user_s(
    house: House, client: RawClient, other: RawClient
) -> None:
    _, channel = await client.open()
    with lingering() as (slow, peer):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", slow))]
        await channel.socket.sendmsg([encode(Request(1, "invoke", [0, []]))], rights)
        socket.close(slow)
        assert await client.goodbye() == "malformed"
        await other.result("status")
        assert account_of(house).disposal.pending > 0
        assert account_of(house).counts.clients == 2
        peer.close()


async def test_that_are_only_the_daemon_s_own_end_nobody(
    house: House, client: RawClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disposal, "MOST", 8)
    channels = [(await client.open("shared"))[1] for _ in range(60)]
    for channel in channels:
        channel.socket.close()
    await house.until(lambda: account_of(house).counts.channels == 0)
    await client.result("status")


async def test_what_no_thread_could_be_had_for_is_closed_a_little_later(
    client: RawClient, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, starts = trio.lowlevel.start_thread_soon, iter(range(2))

    def short_of_threads(*arguments: object) -> None:
        if next(starts) == 0:
            raise RuntimeError("can't start new thread")
        start(*arguments)

    monkeypatch.setattr(trio.lowlevel, "start_thread_soon", short_of_threads)
    await client.call("status", fds=[witness.fd])
    await witness.is_closed()
    monkeypatch.undo()
