"""What a test of teed needs done on the secure side; ``tests/ta/README.md`` specifies it.

The same is there in C, for OP-TEE: where they differ, this one is wrong.
"""

import time
from collections.abc import Sequence
from uuid import UUID

from teed.driver.emulator.application import (
    ANY,
    ANY_MEMREF,
    MemoryReference,
    Seen,
    TaError,
    TrustedApplication,
    Value,
    command,
)
from teed.driver.emulator.session import Session
from teed_protocol.codes import Attribute, Result

VALUE_INPUT, VALUE_OUTPUT = Attribute.VALUE_INPUT, Attribute.VALUE_OUTPUT
MEMREF_INPUT, MEMREF_OUTPUT = Attribute.MEMREF_INPUT, Attribute.MEMREF_OUTPUT


STEP = 10
"""Milliseconds of one TEE_Wait: between two the application hears of a cancellation."""


def _wait(session: Session, milliseconds: int) -> int:
    result = 0
    while milliseconds and not result:
        step = min(milliseconds, STEP)
        result = session.wait(step)
        milliseconds -= step
    return result


class TeedTest(TrustedApplication):
    """An instance for each session."""

    uuid = UUID("0f5e0cc6-903f-4a0d-a4ef-c58751591d94")

    def __init__(self) -> None:
        self.opened = 0

    def open_session(self, session: Session, parameters: Sequence[Seen]) -> int | None:
        """What parameter 0 asks for, and then the session."""
        result = self._open_as_asked(session, parameters[0])
        if not result:
            self.opened += 1
            session.context = 0  # calls of COUNT
        return result

    def _open_as_asked(self, session: Session, wish: Seen) -> int | None:
        match wish:
            case Value(attr=Attribute.VALUE_INOUT):
                wish.a += 1
            case Value(attr=Attribute.VALUE_INPUT, a=1, b=milliseconds):
                return _wait(session, milliseconds)
            case Value(attr=Attribute.VALUE_INPUT, a=2, b=result):
                return result
            case Value(attr=Attribute.VALUE_INPUT, a=3, b=code):
                self.panic(code)
        return None

    @command(0, ANY, ANY, ANY, ANY)
    def nop(self, session: Session, *ignored: Seen) -> None:
        """Nothing at all, whatever it is given."""

    @command(1, VALUE_INPUT, VALUE_OUTPUT, Attribute.VALUE_INOUT)
    def values(self, session: Session, given: Value, swapped: Value, changed: Value) -> None:
        swapped.a, swapped.b = given.b, given.a
        changed.a += 1
        changed.b -= 1

    @command(2, Attribute.MEMREF_INOUT, VALUE_INPUT)
    def xor(self, session: Session, changed: MemoryReference, key: Value) -> None:
        table = bytes(byte ^ key.a & 0xFF for byte in range(256))
        changed.write(changed.read().translate(table))

    @command(3, MEMREF_INPUT, MEMREF_OUTPUT)
    def copy(self, session: Session, given: MemoryReference, made: MemoryReference) -> None:
        made.write(given.buffer or b"")

    @command(4, ANY_MEMREF, VALUE_OUTPUT)
    def describe(self, session: Session, given: MemoryReference, seen: Value) -> None:
        seen.a, seen.b = given.size, given.buffer is not None

    @command(5, VALUE_INPUT)
    def wait(self, session: Session, wish: Value) -> int:
        if wish.b == 1:
            session.unmask_cancellation()
        return _wait(session, wish.a)

    @command(6, VALUE_INPUT)
    def spin(self, session: Session, wish: Value) -> None:
        end = time.monotonic() + wish.a / 1000
        while time.monotonic() < end:
            pass

    @command(7, VALUE_INPUT)
    def die(self, session: Session, wish: Value) -> None:
        self.panic(wish.a)

    @command(8, MEMREF_OUTPUT, VALUE_OUTPUT)
    def identity(self, session: Session, uuid: MemoryReference, login: Value) -> None:
        login.a = session.identity.login
        uuid.write(session.identity.uuid.bytes)

    @command(9, VALUE_OUTPUT)
    def count(self, session: Session, counts: Value) -> None:
        session.context += 1
        counts.a, counts.b = session.context, self.opened

    @command(10, VALUE_INPUT, VALUE_OUTPUT)
    def answer(self, session: Session, wish: Value, out: Value) -> int:
        out.a, out.b = 0x5A5A5A5A, wish.b
        return wish.a

    @command(11, MEMREF_OUTPUT, VALUE_INPUT)
    def fill(self, session: Session, filled: MemoryReference, wish: Value) -> None:
        filled.size = wish.b
        if filled.buffer is not None:
            written = min(filled.capacity, wish.b)
            filled.buffer[:written] = bytes([wish.a & 0xFF]) * written
        if filled.size > filled.capacity:
            raise TaError(Result.ERROR_SHORT_BUFFER)


class TeedTestSingle(TeedTest):
    """One instance, one session."""

    uuid = UUID("1adacce6-e807-4f1f-a979-90e4d840c79d")
    single_instance = True


class TeedTestShared(TeedTest):
    """One instance for all sessions, which outlives them."""

    uuid = UUID("c40f0c94-1a83-432c-b7f9-24a53a99ae35")
    single_instance = True
    multi_session = True
    keep_alive = True
