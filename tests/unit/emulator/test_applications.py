"""The applications of tests/ta, command by command, as its README specifies them."""

import mmap
import time
from collections.abc import Callable, Iterator

import pytest

from teed.driver.emulator import Emulator
from teed.driver.emulator.application import TrustedApplication
from teed.driver.emulator.applications.aes import Aes
from teed.driver.emulator.applications.hello_world import HelloWorld
from teed.driver.emulator.applications.random import Random
from teed.driver.emulator.applications.teed_test import (
    TeedTest,
    TeedTestShared,
    TeedTestSingle,
)
from teed.driver.interface import Answer, Opening
from teed_protocol.codes import MEMREF_NULL, Attribute, Origin, Result
from teed_protocol.fields import Parameter

U32 = 2**32 - 1
NULL = (0, 0, MEMREF_NULL)
(NOP, VALUES, XOR, COPY, DESCRIBE, WAIT, SPIN, PANIC, IDENTITY, COUNT, RETURN, FILL) = range(12)


def value_in(a: int, b: int = 0) -> Parameter:
    return Parameter(Attribute.VALUE_INPUT, a, b)


def value_inout(a: int, b: int = 0) -> Parameter:
    return Parameter(Attribute.VALUE_INOUT, a, b)


VALUE_OUT = Parameter(Attribute.VALUE_OUTPUT)


class Client:
    """A client with one session and one page of shared memory."""

    def __init__(self, tee: Emulator, session: int) -> None:
        memory = tee.allocate(mmap.PAGESIZE)
        self._tee = tee
        self._session = session
        self._memory = memory.id
        self.pages = mmap.mmap(memory.fd, memory.size)

    def memref(self, attr: Attribute, offset: int, size: int) -> Parameter:
        return Parameter(attr, offset, size, self._memory)

    def read_only(self, offset: int, content: bytes) -> Parameter:
        self.pages[offset : offset + len(content)] = content
        return self.memref(Attribute.MEMREF_INPUT, offset, len(content))

    def invoke(self, command: int, *parameters: Parameter) -> Answer:
        return self._tee.invoke(self._session, command, parameters, 0)

    def values(self, command: int, *parameters: Parameter) -> tuple[int, int]:
        """Invoke with success; the first output value."""
        answer = self.invoke(command, *parameters)
        assert answer.result == 0
        return next(each[1:3] for each in answer.parameters if each.attr in (2, 3))


@pytest.fixture
def connect(tee: Emulator, opened: Callable[..., int]) -> Iterator[Callable[..., Client]]:
    made = []

    def make(*asked: object, **also: object) -> Client:
        made.append(Client(tee, opened(tee, *asked, **also)))
        return made[-1]

    yield make
    for each in made:
        each.pages.close()


@pytest.fixture
def client(connect: Callable[..., Client]) -> Client:
    return connect(TeedTest)


def test_hello_world_counts_up_and_down(connect: Callable[..., Client]) -> None:
    client = connect(HelloWorld)

    assert client.values(0, value_inout(41)) == (42, 0)
    assert client.values(1, value_inout(0)) == (U32, 0)
    assert client.invoke(0, value_in(1)).result == Result.ERROR_BAD_PARAMETERS
    assert client.invoke(2, value_inout(1)).result == Result.ERROR_NOT_SUPPORTED


def test_random_fills_the_buffer_and_no_more(connect: Callable[..., Client]) -> None:
    client = connect(Random)

    answer = client.invoke(0, client.memref(Attribute.MEMREF_OUTPUT, 100, 64))

    assert answer.result == 0
    assert answer.parameters[0].b == 64
    assert len(set(client.pages[100:164])) > 16
    assert client.pages[:100] == bytes(100)
    assert client.pages[164:] == bytes(mmap.PAGESIZE - 164)


@pytest.mark.parametrize(
    ("application", "number"), [(HelloWorld, 2), (Random, 1), (Aes, 4), (TeedTest, 12)]
)
def test_an_unknown_command_is_not_supported_whatever_it_is_given(
    connect: Callable[..., Client], application: type[TrustedApplication], number: int
) -> None:
    client = connect(application)

    for parameters in ((), (value_inout(1), VALUE_OUT), (value_in(1),) * 4):
        answer = client.invoke(number, *parameters)
        assert (answer.result, answer.origin) == (
            Result.ERROR_NOT_SUPPORTED,
            Origin.TRUSTED_APP,
        )


def test_nop_takes_anything(client: Client) -> None:
    assert client.invoke(NOP).result == 0
    anything = (value_in(1), VALUE_OUT, Parameter(Attribute.MEMREF_INOUT, *NULL), Parameter())
    assert client.invoke(NOP, *anything).result == 0


@pytest.mark.parametrize("number", range(1, 12))
def test_every_other_command_checks_its_parameters(client: Client, number: int) -> None:
    answer = client.invoke(number, value_inout(1), value_inout(1))

    assert (answer.result, answer.origin) == (Result.ERROR_BAD_PARAMETERS, Origin.TRUSTED_APP)


def test_a_parameter_too_many_is_a_bad_one(client: Client) -> None:
    answer = client.invoke(COUNT, VALUE_OUT, value_in(1))

    assert answer.result == Result.ERROR_BAD_PARAMETERS


def test_values_are_swapped_and_changed(client: Client) -> None:
    answer = client.invoke(VALUES, value_in(1, 2), VALUE_OUT, value_inout(U32, 0))

    assert answer.parameters[1:] == (
        Parameter(Attribute.VALUE_OUTPUT, 2, 1),
        value_inout(0, U32),
    )


def test_xor_changes_every_byte_in_place(client: Client) -> None:
    client.pages[10:13] = b"\x00\x0f\xff"

    answer = client.invoke(XOR, client.memref(Attribute.MEMREF_INOUT, 10, 3), value_in(0x1F0))

    assert answer.result == 0
    assert client.pages[9:14] == b"\x00\xf0\xff\x0f\x00"


def test_copy_sets_the_size(client: Client) -> None:
    source = client.read_only(0, b"hello")

    answer = client.invoke(COPY, source, client.memref(Attribute.MEMREF_OUTPUT, 8, 100))

    assert answer.result == 0
    assert answer.parameters[1].b == 5
    assert client.pages[8:14] == b"hello\0"


@pytest.mark.parametrize("room", [(8, 4), NULL])
def test_copy_says_how_much_room_it_needs(client: Client, room: tuple[int, ...]) -> None:
    source = client.read_only(0, b"hello")
    target = (
        client.memref(Attribute.MEMREF_OUTPUT, *room)
        if room is not NULL
        else Parameter(Attribute.MEMREF_OUTPUT, *NULL)
    )

    answer = client.invoke(COPY, source, target)

    assert (answer.result, answer.origin) == (Result.ERROR_SHORT_BUFFER, Origin.TRUSTED_APP)
    assert answer.parameters[1].b == 5
    assert client.pages[8:13] == bytes(5)


@pytest.mark.parametrize(
    "attr", [Attribute.MEMREF_INPUT, Attribute.MEMREF_OUTPUT, Attribute.MEMREF_INOUT]
)
def test_describe_tells_null_from_empty(client: Client, attr: Attribute) -> None:
    full, empty = client.memref(attr, 5, 7), client.memref(attr, 5, 0)

    assert client.values(DESCRIBE, full, VALUE_OUT) == (7, 1)
    assert client.values(DESCRIBE, empty, VALUE_OUT) == (0, 1)
    assert client.values(DESCRIBE, Parameter(attr, *NULL), VALUE_OUT) == (0, 0)
    assert client.invoke(DESCRIBE, full, VALUE_OUT).parameters[0] == full


@pytest.mark.parametrize("command", [WAIT, SPIN])
def test_wait_and_spin_take_their_time(client: Client, command: int) -> None:
    begin = time.monotonic()

    assert client.invoke(command, value_in(20)).result == 0

    assert time.monotonic() - begin >= 0.02


def test_panic_panics(client: Client) -> None:
    assert client.invoke(PANIC, value_in(1)).is_dead


def test_identity_is_the_one_of_the_login(connect: Callable[..., Client]) -> None:
    client = connect(TeedTest, login=1)

    output = client.memref(Attribute.MEMREF_OUTPUT, 0, 20)
    answer = client.invoke(IDENTITY, output, VALUE_OUT)

    assert answer.result == 0
    assert [each[1:3] for each in answer.parameters] == [(0, 16), (1, 0)]
    assert client.pages[:17].hex() == "fc34275cd8dd5ba7968b504718363b8700"


def test_identity_needs_sixteen_bytes(client: Client) -> None:
    output = client.memref(Attribute.MEMREF_OUTPUT, 0, 15)

    answer = client.invoke(IDENTITY, output, VALUE_OUT)

    assert answer.result == Result.ERROR_SHORT_BUFFER
    assert answer.parameters[0].b == 16


def test_count_is_of_the_session_and_of_the_instance(connect: Callable[..., Client]) -> None:
    own = [connect(TeedTest) for _ in range(2)]
    shared = [connect(TeedTestShared) for _ in range(2)]

    assert [each.values(COUNT, VALUE_OUT) for each in own] == [(1, 1), (1, 1)]
    assert [each.values(COUNT, VALUE_OUT) for each in shared] == [(1, 2), (1, 2)]
    assert shared[0].values(COUNT, VALUE_OUT) == (2, 2)


def test_the_shared_instance_outlives_its_sessions(
    tee: Emulator, opened: Callable[..., int], connect: Callable[..., Client]
) -> None:
    tee.close_session(opened(tee, TeedTestShared))

    assert connect(TeedTestShared).values(COUNT, VALUE_OUT) == (1, 2)


def test_the_single_one_has_one_session(
    tee: Emulator, opened: Callable[..., int], opening: Callable[..., Opening]
) -> None:
    opened(tee, TeedTestSingle)

    assert tee.open_session(opening(TeedTestSingle)).result == Result.ERROR_BUSY


@pytest.mark.parametrize("code", [0, 1, Result.ERROR_TARGET_DEAD, U32])
def test_return_returns_what_it_is_told(client: Client, code: int) -> None:
    answer = client.invoke(RETURN, value_in(code, 9), VALUE_OUT)

    assert (answer.result, answer.origin) == (code, Origin.TRUSTED_APP)
    assert answer.parameters[1][1:3] == (0x5A5A5A5A, 9)


@pytest.mark.parametrize(
    ("wanted", "written", "result"),
    [(0, 0, 0), (3, 3, 0), (4, 4, 0), (5, 4, Result.ERROR_SHORT_BUFFER), (U32, 4, None)],
)
def test_fill_writes_what_fits(
    client: Client, wanted: int, written: int, result: int | None
) -> None:
    output = client.memref(Attribute.MEMREF_OUTPUT, 10, 4)

    answer = client.invoke(FILL, output, value_in(0x1AB, wanted))

    assert answer.result == (Result.ERROR_SHORT_BUFFER if result is None else result)
    assert answer.parameters[0].b == wanted
    assert client.pages[10:15] == b"\xab" * written + bytes(5 - written)


def test_an_opening_can_be_told_what_to_do(
    tee: Emulator, opening: Callable[..., Opening]
) -> None:
    def result(*parameters: Parameter) -> int:
        return tee.open_session(opening(TeedTest, *parameters)).result

    assert result(value_in(1, 1)) == 0
    assert result(value_in(2, Result.ERROR_NO_DATA)) == Result.ERROR_NO_DATA
    assert result(value_in(3, 1)) == Result.ERROR_TARGET_DEAD
    assert result(value_in(4, 1)) == 0
    assert result(Parameter(Attribute.MEMREF_INPUT, *NULL), VALUE_OUT) == 0


def test_an_opening_changes_an_inout_value(
    tee: Emulator, opening: Callable[..., Opening]
) -> None:
    answer = tee.open_session(opening(TeedTest, value_inout(U32, 5)))

    assert answer.result == 0
    assert answer.parameters == (value_inout(0, 5),)


def test_a_session_refused_is_not_counted(
    tee: Emulator, opening: Callable[..., Opening], connect: Callable[..., Client]
) -> None:
    for refused in (value_in(2, 1), value_in(2, Result.ERROR_BUSY)):
        assert tee.open_session(opening(TeedTestShared, refused)).result == refused.b
    connect(TeedTestShared)

    assert connect(TeedTestShared).values(COUNT, VALUE_OUT) == (1, 2)
