"""The connection of the blocking client: many threads, no thread of its own.

A thread that waits for its answer reads the connection, for itself and for all others that
wait; the others sleep until their answer is there or nobody reads.  So an opening that takes
long holds up nobody, and its cancellation overtakes it on the same connection.

What nobody waits for may have to wait for its place.  Then it is sent by whoever reads, or
has the lock, and looks for it afterwards.
"""

import contextlib
import socket
from threading import Condition, Lock
from typing import TYPE_CHECKING

from teed_client.answer import Answer, Packet
from teed_client.blocking.cancellation import Cancellation
from teed_client.conversation import Call
from teed_client.core import Client, NewMemory
from teed_client.errors import Disconnected
from teed_client.invocation import Operation
from teed_client.memory import Memory
from teed_client.packets import receive, send
from teed_client.places import Urgent
from teed_protocol.calls import Allocate, Cancel, Register, Release
from teed_protocol.errors import TeedError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Control:
    """Asks on one connection; ``request`` may be called from many threads at once."""

    def __init__(self, connection: socket.socket) -> None:
        self.client = Client()
        self._conversation = self.client.conversation
        self._socket = connection
        self._news = Condition(Lock())  # not to be taken twice, by a signal handler
        self._reading = False

    def request(
        self,
        call: Call,
        descriptor: int | None = None,
        cancellation: Cancellation | None = None,
    ) -> Answer:
        """Ask, and wait for the answer; Disconnected when there will be none.

        It waits for its turn first, while as much is outstanding as teed takes.
        """
        self._deliver()
        number, packet = self._ask(call, cancellation)
        try:
            self._send(number, packet, descriptor)
            if cancellation is None:
                return self._answer(number)
            return self._cancellable_answer(number, cancellation)
        finally:
            with self._news:
                self._conversation.forget(number)
            self._deliver()

    def tell(self, call: Urgent) -> None:
        """Say something whose answer nobody waits for; safe in a signal handler."""
        if self.client.is_ours:
            self._conversation.later(call)
            self._deliver()

    def catch_up(self) -> None:
        """Hear what has come meanwhile and nobody waits for; it does not block."""
        with self._news:
            while not self._reading and not self._conversation.over:
                if not self._read(socket.MSG_DONTWAIT):
                    break
        self._deliver()

    def farewell(self) -> Disconnected:
        """Why the connection is of no use any more, as far as teed has said."""
        self.catch_up()
        return self._conversation.farewell()

    def memory(self, call: Allocate | Register, memfd: int | None = None) -> NewMemory:
        """Have a buffer made: its number, and its bytes."""
        return self.client.memory(self.request(call, memfd), call.size, memfd)

    def place(self, operation: Operation) -> None:
        """Find room for the temporary references of an operation."""
        arena, room = self.client.arena, operation.room
        operation.block = arena.take(room)
        if operation.block is None:
            made = self.memory(Allocate(arena.wanted(room)))
            operation.block = arena.adopt(Memory(self.client, *made), room)

    def displace(self, operation: Operation) -> None:
        """The operation is over: let others have its room."""
        if operation.block is not None:
            memory = self.client.arena.give_back(operation.block)
            if memory is not None:
                self.tell(Release(memory.forget()))

    @contextlib.contextmanager
    def room_for(self, operation: Operation) -> "Iterator[None]":
        """Room for the time of one call.

        Whoever is torn out of waiting leaves it taken: the TEE may still write there.
        """
        if operation.room:
            self.place(operation)
        try:
            yield
        except BaseException as failure:
            operation.give_up()
            if isinstance(failure, TeedError):
                self.displace(operation)
            raise
        self.displace(operation)

    def close(self) -> None:
        """Hang up; threads that still wait get Disconnected."""
        with self._news:
            self._conversation.close()
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the one who reads
            self._news.wait_for(lambda: not self._reading)
            self._socket.close()

    def abandon(self) -> None:
        """Close the descriptor only: the connection is the parent's, who goes on using it."""
        self._socket.close()

    def _ask(self, call: Call, cancellation: Cancellation | None) -> tuple[int, bytes]:
        """The request, which has a place; one that is cancelled before gets none."""
        with self._news:
            while True:
                if cancellation is not None:
                    cancellation.check()
                if (asked := self._conversation.ask(call)) is not None:
                    return asked
                self._wait()

    def _send(self, number: int, packet: bytes, descriptor: int | None = None) -> None:
        if self._conversation.over:
            raise self._conversation.farewell()
        try:
            send(self._socket, packet, descriptor)
        except ConnectionError as lost:
            raise self.farewell() from lost
        except OSError:  # a descriptor that is none, for one
            with self._news:
                self._conversation.retract(number)
                self._news.notify_all()
            raise

    def _deliver(self) -> None:
        """Send what is due; it takes the lock only when that is free.

        Read for a place when nobody does: what is outstanding then is answered at once,
        since there is hardly anything among it that takes long.
        """
        self._flush()
        while self._conversation.behind and self._news.acquire(blocking=False):
            try:
                if self._reading:
                    return
                self._read()
            finally:
                self._news.release()

    def _flush(self) -> None:
        with contextlib.suppress(ConnectionError):  # who waits for an answer hears of it
            while (packet := self._conversation.due()) is not None:
                send(self._socket, packet)

    def _cancellable_answer(self, number: int, cancellation: Cancellation) -> Answer:
        def cancel() -> None:
            self.tell(Cancel(None, number))

        cancellation.begin(cancel)
        try:
            return self._answer(number)
        finally:
            cancellation.end(cancel)

    def _answer(self, number: int) -> Answer:
        with self._news:
            while (answer := self._conversation.answer(number)) is None:
                self._wait()
            return answer

    def _wait(self) -> None:
        """Until somebody has heard something, which may be this thread."""
        if self._reading:
            self._news.wait()
        else:
            self._read()

    def _read(self, flags: int = 0) -> bool:
        """Hear one packet, whomever it is for; others may use the connection meanwhile.

        False when there was none and the flags say not to wait.
        """
        self._reading = True
        self._news.release()
        try:
            packet = receive(self._socket, flags)
        except BlockingIOError:
            return False
        finally:
            self._news.acquire()
            self._reading = False
            self._news.notify_all()
        self._hear(packet)
        self._flush()
        return True

    def _hear(self, packet: Packet) -> None:
        self._conversation.hear(packet)
        if self._conversation.over:
            self._socket.shutdown(socket.SHUT_RDWR)
