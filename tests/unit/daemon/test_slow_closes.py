"""A descriptor whose last close takes long holds up nobody but its sender."""

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import trio

from teed.control.disposal import THREADS
from teed_protocol.messages import Request, encode

from .fakes import FakeDriver
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


async def test_more_of_them_than_there_are_threads(
    client: RawClient, other: RawClient, witness: Witness
) -> None:
    with ExitStack() as held_up:
        peers = []
        for _ in range(THREADS):
            slow, peer = held_up.enter_context(lingering())
            peers.append(peer)
            asking = await client.ask("status", fds=[slow])
            socket.close(slow)  # before the daemon's, which is the last then
            await client.answer(asking)
        await other.call("status", fds=[witness.fd])
        await witness.is_closed()
        for peer in peers:
            peer.close()


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
