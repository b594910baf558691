"""What cannot be said is told to the one who said it, by name; nothing is sent.

After each of these the same session goes on: a daemon that gets what is no message hangs up.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from teed_client import (
    INOUT,
    INPUT,
    OUTPUT,
    Buffer,
    Context,
    Partial,
    Session,
    Temporary,
    Whole,
)
from teed_client import Value as TeecValue
from teed_client.trio import open_context

from .applications import TEED_TEST, Command

Value: Any = TeecValue  # what is wrong here is meant to be
NOP, XOR = Command.NOP, Command.XOR
Attempt = Callable[[Any, Any, Any], object]

WRONG_KINDS: dict[str, tuple[Attempt, str]] = {
    "a number as a parameter": (lambda c, s, b: s.invoke(NOP, 41), "Value.*int"),
    "a list of parameters": (lambda c, s, b: s.invoke(NOP, [Value()]), "parameter.*list"),
    "the class of a parameter": (lambda c, s, b: s.invoke(NOP, Value), "the class Value"),
    "a buffer as a parameter": (lambda c, s, b: s.invoke(NOP, b), "parameter.*Buffer"),
    "a command in words": (lambda c, s, b: s.invoke("nop"), "command.*str"),
    "half a command": (lambda c, s, b: s.invoke(0.5), "command.*float"),
    "a value in words": (lambda c, s, b: s.invoke(NOP, Value("one")), "a of a Value.*str"),
    "a value of nothing": (lambda c, s, b: s.invoke(NOP, Value(1, None)), "b of a Value.*None"),
    "half a value": (lambda c, s, b: s.invoke(NOP, Value(1, 0.5)), "b of a Value.*float"),
    "a text for bytes": (lambda c, s, b: Temporary("text", INPUT), "bytes-like.*str"),
    "a number for bytes": (lambda c, s, b: Temporary(100, OUTPUT), "bytes-like.*int"),
    "registering a text": (lambda c, s, b: c.register("text", INPUT), "bytes-like.*str"),
    "constant output": (lambda c, s, b: s.invoke(NOP, Temporary(b"x", OUTPUT)), "writable"),
    "registering constants": (lambda c, s, b: c.register(b"constant"), "writable"),
    "every second byte": (
        lambda c, s, b: s.invoke(NOP, Temporary(memoryview(b"abcd")[::2], INPUT)),
        "contiguous",
    ),
    "a whole of bytes": (lambda c, s, b: Whole(b"bytes"), "Whole refers to a Buffer.*bytes"),
    "a part of bytes": (lambda c, s, b: Partial(b"bytes", 0, 1, INPUT), "Buffer, not bytes"),
    "an offset in words": (
        lambda c, s, b: s.invoke(NOP, Partial(b, "0", 1, INPUT)),
        "offset of a Partial.*str",
    ),
    "half a byte": (lambda c, s, b: s.invoke(NOP, Partial(b, 0, 0.5, INPUT)), "size.*float"),
    "a size in words": (lambda c, s, b: c.allocate("4096"), "size of a buffer.*str"),
    "half a buffer": (lambda c, s, b: c.allocate(0.5), "size of a buffer.*float"),
    "a file for a descriptor": (lambda c, s, b: c.register_memfd("/dev/zero", 1), "memfd.*str"),
    "a numbered share": (lambda c, s, b: c.open_session(TEED_TEST, share=3), "share.*int"),
    "a share in bytes": (lambda c, s, b: c.open_session(TEED_TEST, share=b"x"), "share.*bytes"),
    "a login in words": (lambda c, s, b: c.open_session(TEED_TEST, login="USER"), "login.*str"),
    "a group in words": (
        lambda c, s, b: c.open_session(TEED_TEST, login=2, group="users"),
        "group.*str",
    ),
    "a number for a UUID": (lambda c, s, b: c.open_session(5), "UUID.*int"),
    "no UUID": (lambda c, s, b: c.open_session(None), "UUID.*None"),
}
WRONG_VALUES: dict[str, tuple[Attempt, str]] = {
    "a command that is too large": (lambda c, s, b: s.invoke(2**32), "command.*32 bits"),
    "a negative command": (lambda c, s, b: s.invoke(-1), "command.*32 bits"),
    "a value that is too large": (
        lambda c, s, b: s.invoke(NOP, Value(0, 2**32)),
        "b of a Value.*32 bits",
    ),
    "a UUID that is none": (lambda c, s, b: c.open_session("hello"), "'hello' is no UUID"),
    "half a UUID": (lambda c, s, b: c.open_session(b"12345678"), "is no UUID"),
    "a long name": (lambda c, s, b: c.open_session(TEED_TEST, share="x" * 1025), "share.*1025"),
    "what is no text": (lambda c, s, b: c.open_session(TEED_TEST, share="\udc80"), "surrogate"),
    "a negative size": (lambda c, s, b: c.allocate(-1), "-1 bytes"),
    "an endless buffer": (lambda c, s, b: c.allocate(2**63), "bytes"),
    "a login that is too large": (
        lambda c, s, b: c.open_session(TEED_TEST, login=2**32),
        "login.*32 bits",
    ),
}


@pytest.fixture
def buffer(context: Context) -> Buffer:
    return context.allocate(64)


@pytest.mark.parametrize("what", WRONG_KINDS)
def test_what_is_of_the_wrong_kind_is_a_type_error_that_names_it(
    context: Context, session: Session, buffer: Buffer, what: str
) -> None:
    attempt, named = WRONG_KINDS[what]
    refused(TypeError, named, attempt, (context, session, buffer))


@pytest.mark.parametrize("what", WRONG_VALUES)
def test_what_is_out_of_range_is_a_value_error_that_names_it(
    context: Context, session: Session, buffer: Buffer, what: str
) -> None:
    attempt, named = WRONG_VALUES[what]
    refused(ValueError, named, attempt, (context, session, buffer))


@pytest.mark.parametrize("of", ["invoke", "open_session"])
def test_what_is_no_cancellation_is_named(
    context: Context, session: Session, buffer: Buffer, of: str
) -> None:
    call: Any = session.invoke if of == "invoke" else context.open_session
    first: Any = NOP if of == "invoke" else TEED_TEST
    attempt = lambda *all_of_it: call(first, cancellation=True)  # noqa: E731
    refused(TypeError, "cancellation.*bool", attempt, (context, session, buffer))


def held(context: Context) -> list[int]:
    status = context.status()
    return [status[name] for name in ("sessions", "channels", "buffers", "bytes")]


def refused(
    error: type[Exception], named: str, attempt: Attempt, given: tuple[Any, Any, Any]
) -> None:
    context, session, buffer = given
    before = held(context)
    with pytest.raises(error, match=named):
        attempt(*given)
    assert held(context) == before
    session.invoke(XOR, Whole(buffer), TeecValue(1, direction=INPUT))
    assert bytes(buffer.view) == b"\x01" * 64


def test_the_name_of_a_client_is_a_text(socket_path: Path) -> None:
    numbered: Any = 5
    with pytest.raises(TypeError, match=r"name of a client.*int"):
        Context(socket_path, numbered)


def test_a_client_may_be_named_after_a_file_whose_name_is_no_text(socket_path: Path) -> None:
    Context(socket_path, "\udc80").close()


class One:
    """An integer that is no int, as those of numpy are."""

    def __index__(self) -> int:
        return 1


@pytest.mark.parametrize("one", [True, One()], ids=["bool", "index"])
def test_whatever_is_an_integer_is_one(context: Context, session: Session, one: Any) -> None:
    out = TeecValue(direction=OUTPUT)
    session.invoke(one, Value(one, one, INPUT), out, TeecValue(direction=INOUT))
    assert (out.a, out.b) == (1, 1)
    with context.allocate(one) as buffer:
        session.invoke(NOP, Partial(buffer, one, 0, INPUT), Partial(buffer, 0, one, INPUT))


async def test_the_trio_client_takes_no_memory_for_what_it_does_not_send(
    socket_path: Path,
) -> None:
    wrong: Any = "nop"
    async with (
        open_context(socket_path) as context,
        await context.open_session(TEED_TEST) as session,
    ):
        before = (await context.status())["buffers"]
        for command, error in ((2**32, ValueError), (wrong, TypeError)):
            with pytest.raises(error, match="command"):
                await session.invoke(command, Temporary(bytes(16), INPUT))
        assert (await context.status())["buffers"] == before
        await session.invoke(NOP, Temporary(bytes(16), INPUT))
