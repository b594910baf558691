"""The connection of the trio client: many tasks, none of its own.

As in the blocking client, one of those who wait reads for all.
"""

import contextlib
import socket
from collections.abc import AsyncIterator

import trio

from teed_client import packets
from teed_client.answer import Answer, Packet
from teed_client.conversation import Call
from teed_client.core import Client, NewMemory
from teed_client.errors import Disconnected
from teed_client.invocation import Operation
from teed_client.memory import Memory
from teed_client.places import Urgent
from teed_client.trio.packets import close, receive, send
from teed_protocol.calls import Allocate, Cancel, Open, Register, Release
from teed_protocol.errors import TeedError


class Control:
    """Asks on one connection; any number of tasks may ``request`` at once."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.client = Client()
        self._conversation = self.client.conversation
        self._socket = connection
        self._sending = trio.Lock()
        self._others = trio.lowlevel.ParkingLot()
        self._reading = False

    async def request(self, call: Call, descriptor: int | None = None) -> Answer:
        """Ask, and wait for the answer; Disconnected when there will be none.

        It waits for its turn first, while as much is outstanding as teed takes.
        What the answer to a cancelled request brings is given back when it comes.
        """
        number = await self._ask(call, descriptor)
        try:
            return await self._answer(number)
        finally:
            self._conversation.forget(number)

    async def open(self, call: Open) -> Answer:
        """The same for a session, whose parameters are in use until the answer is there."""
        number = await self._ask(call)
        try:
            return await self._answer(number)
        except trio.Cancelled:
            with trio.CancelScope(shield=True), contextlib.suppress(Disconnected):
                await self.tell(Cancel(None, number))
                (await self._answer(number)).discard()
            raise

    async def tell(self, call: Urgent) -> None:
        """Say something whose answer nobody waits for."""
        self._conversation.later(call)
        with trio.CancelScope(shield=True), contextlib.suppress(Disconnected):
            while self._conversation.behind:
                async with self._sending:
                    await self._flush()
                if self._conversation.behind:
                    await self._wait()

    def catch_up(self) -> None:
        """Hear what has come meanwhile and nobody waits for."""
        with contextlib.suppress(BlockingIOError):
            while not self._reading and not self._conversation.over:
                self._hear(packets.receive(self._socket))

    def farewell(self) -> Disconnected:
        """Why the connection is of no use any more, as far as teed has said."""
        self.catch_up()
        return self._conversation.farewell()

    async def memory(self, call: Allocate | Register, memfd: int | None = None) -> NewMemory:
        """Have a buffer made: its number, and its bytes."""
        return self.client.memory(await self.request(call, memfd), call.size, memfd)

    @contextlib.asynccontextmanager
    async def room_for(self, operation: Operation) -> AsyncIterator[None]:
        """Room for the time of one call.

        Whoever is torn out of waiting, by another task that closes the session, leaves it
        taken: the TEE may still write there.
        """
        if operation.room:
            await self._place(operation)
        try:
            yield
        except BaseException as failure:
            operation.give_up()
            if isinstance(failure, TeedError | trio.Cancelled):
                await self._displace(operation)
            raise
        await self._displace(operation)

    def close(self) -> None:
        """Hang up; tasks that still wait get Disconnected."""
        self._conversation.close()
        close(self._socket)  # which wakes the task that reads, and that one the others

    def abandon(self) -> None:
        """Close the descriptor only: the connection is the parent's, who goes on using it."""
        self._socket.close()

    async def _place(self, operation: Operation) -> None:
        arena, room = self.client.arena, operation.room
        operation.block = arena.take(room)
        if operation.block is None:
            made = await self.memory(Allocate(arena.wanted(room)))
            operation.block = arena.adopt(Memory(self.client, *made), room)

    async def _displace(self, operation: Operation) -> None:
        if operation.block is not None:
            memory = self.client.arena.give_back(operation.block)
            if memory is not None:
                await self.tell(Release(memory.forget()))

    async def _ask(self, call: Call, descriptor: int | None = None) -> int:
        """Send a request when there is a place for it.  Cancelled, it was not sent."""
        while (number := await self._ask_now(call, descriptor)) is None:
            await self._wait()
        return number

    async def _ask_now(self, call: Call, descriptor: int | None) -> int | None:
        async with self._sending:
            await self._flush()
            if (asked := self._conversation.ask(call)) is None:
                return None
            number, packet = asked
            try:
                await self._send(packet, descriptor)
            except BaseException:
                self._conversation.retract(number)
                self._others.unpark_all()  # somebody may wait for the place
                raise
        return number

    async def _flush(self) -> None:
        while (packet := self._conversation.due()) is not None:
            with trio.CancelScope(shield=True):  # it has left the outbox
                await self._send(packet)

    async def _send(self, packet: bytes, descriptor: int | None = None) -> None:
        if self._conversation.over:
            raise self._conversation.farewell()
        try:
            await send(self._socket, packet, descriptor)
        except ConnectionError as lost:
            raise self.farewell() from lost

    async def _answer(self, number: int) -> Answer:
        while (answer := self._conversation.answer(number)) is None:
            await self._wait()
        return answer

    async def _wait(self) -> None:
        """Until somebody has heard something, which may be this task."""
        if self._reading:
            await self._others.park()
        else:
            await self._read()

    async def _read(self) -> None:
        """Hear one packet, whomever it is for."""
        self._reading = True
        try:
            with contextlib.suppress(trio.ClosedResourceError):  # the conversation is over
                self._hear(await receive(self._socket))
        finally:
            self._reading = False
            self._others.unpark_all()

    def _hear(self, packet: Packet) -> None:
        self._conversation.hear(packet)
        if self._conversation.over:
            self._socket.shutdown(socket.SHUT_RDWR)
