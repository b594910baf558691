"""A client reaches its own buffers and nothing else, for as long as it may."""

import mmap
import os

import pytest

from teed.accounts import Account, Counts, Limits
from teed.memory.buffers import Buffer, BufferTable, Shadow
from teed.memory.memfd import make_memfd
from teed_protocol.codes import MEMREF_NULL, Attribute, Result
from teed_protocol.errors import TeeError
from teed_protocol.fields import Parameter

from .fakes import FakeDriver

IN, OUT, INOUT = Attribute.MEMREF_INPUT, Attribute.MEMREF_OUTPUT, Attribute.MEMREF_INOUT
NOTHING = Counts()


@pytest.fixture
def account() -> Account:
    return Account(1000, Limits())


@pytest.fixture
def table(account: Account) -> BufferTable:
    return BufferTable(account, null_allowed=True)


def _add(table: BufferTable, account: Account, driver: FakeDriver, size: int = 4096) -> int:
    account.charge(buffers=1, bytes=size)
    return table.add(Buffer(driver.allocate(size), size))


def _refusal(table: BufferTable, *parameters: Parameter) -> str:
    with pytest.raises(TeeError) as refused, table.pinned(parameters):
        pytest.fail("a bad reference was taken")
    assert refused.value.reason == "bad-buffer"
    assert refused.value.code == Result.ERROR_BAD_PARAMETERS
    return refused.value.text


def test_the_driver_sees_its_own_number_and_the_client_its_own(
    table: BufferTable, account: Account, driver: FakeDriver
) -> None:
    number = _add(table, account, driver)
    asked = (Parameter(Attribute.VALUE_INPUT, 5, 6), Parameter(INOUT, 16, 32, number))
    with table.pinned(asked) as pinned:
        (shared,) = driver.memories
        assert pinned.parameters == (asked[0], Parameter(INOUT, 16, 32, shared))
        answered = [asked[0], Parameter(INOUT, 0, 99, shared)]
        assert pinned.outputs(answered) == [asked[0], Parameter(INOUT, 16, 99, number)]


def test_values_come_back_as_the_tee_left_them(table: BufferTable) -> None:
    asked = (Parameter(Attribute.VALUE_INOUT, 1, 2), Parameter())
    with table.pinned(asked) as pinned:
        answered = [Parameter(Attribute.VALUE_INOUT, 3, 4), Parameter()]
        assert pinned.outputs(answered) == answered


@pytest.mark.parametrize("number", [0, 2, 100, 2**31, 2**32, 2**64 - 2])
def test_a_foreign_number_is_refused(
    table: BufferTable, account: Account, driver: FakeDriver, number: int
) -> None:
    _add(table, account, driver)
    assert _refusal(table, Parameter(IN, 0, 0, number)) == f"there is no buffer {number}"


def test_one_client_s_number_means_nothing_to_another(
    table: BufferTable, account: Account, driver: FakeDriver
) -> None:
    number = _add(table, account, driver)
    another = BufferTable(Account(1001, Limits()), null_allowed=True)
    assert "no buffer" in _refusal(another, Parameter(IN, 0, 1, number))


@pytest.mark.parametrize(
    ("offset", "size"),
    [
        (0, 4097),
        (4096, 1),
        (4097, 0),
        (1, 2**64 - 1),
        (2**64 - 1, 1),
        (2**64 - 1, 2**64 - 1),
        (2**32, 0),
        (2**64 - 4096, 4096),
    ],
)
def test_a_reference_that_leaves_its_buffer_is_refused(
    table: BufferTable, account: Account, driver: FakeDriver, offset: int, size: int
) -> None:
    number = _add(table, account, driver)
    assert "not inside buffer" in _refusal(table, Parameter(OUT, offset, size, number))


@pytest.mark.parametrize(("offset", "size"), [(0, 4096), (4096, 0), (4095, 1), (0, 0)])
def test_a_reference_may_reach_to_the_very_end(
    table: BufferTable, account: Account, driver: FakeDriver, offset: int, size: int
) -> None:
    number = _add(table, account, driver)
    with table.pinned((Parameter(IN, offset, size, number),)):
        pass


def test_an_empty_null_reference_refers_to_nothing(table: BufferTable) -> None:
    null = Parameter(OUT, 0, 0, MEMREF_NULL)
    with table.pinned((null,)) as pinned:
        assert pinned.parameters == (null,)
        assert pinned.outputs([null._replace(b=64)]) == [null._replace(b=64)]


@pytest.mark.parametrize(("offset", "size"), [(1, 0), (0, 1)])
def test_a_null_reference_with_a_size_or_an_offset_is_refused(
    table: BufferTable, offset: int, size: int
) -> None:
    assert "null" in _refusal(table, Parameter(IN, offset, size, MEMREF_NULL))


def test_a_null_reference_is_refused_where_the_tee_has_none(account: Account) -> None:
    table = BufferTable(account, null_allowed=False)
    assert "null" in _refusal(table, Parameter(IN, 0, 0, MEMREF_NULL))


def test_one_bad_reference_pins_none_of_the_others(
    table: BufferTable, account: Account, driver: FakeDriver
) -> None:
    number = _add(table, account, driver)
    _refusal(table, Parameter(IN, 0, 1, number), Parameter(IN, 0, 1, number + 1))
    table.release(number)
    assert not driver.memories


def test_a_released_buffer_is_gone_and_given_back(
    table: BufferTable, account: Account, driver: FakeDriver
) -> None:
    number = _add(table, account, driver)
    table.release(number)
    assert not driver.memories
    assert account.counts == NOTHING
    assert "no buffer" in _refusal(table, Parameter(IN, 0, 1, number))
    with pytest.raises(TeeError, match=f"no buffer {number}"):
        table.release(number)


def test_a_number_is_never_used_again(
    table: BufferTable, account: Account, driver: FakeDriver
) -> None:
    numbers = []
    for _ in range(3):
        numbers.append(_add(table, account, driver))
        table.release(numbers[-1])
    assert len(set(numbers)) == 3


def test_what_a_call_uses_stays_and_is_charged_until_the_call_returns(
    table: BufferTable, account: Account, driver: FakeDriver
) -> None:
    number = _add(table, account, driver)
    twice = (Parameter(IN, 0, 1, number), Parameter(OUT, 1, 1, number))
    with table.pinned(twice), table.pinned(twice[:1]):
        table.release(number)
        assert "no buffer" in _refusal(table, *twice)
        assert len(driver.memories) == 1
        assert account.counts == Counts(buffers=1, bytes=4096)
    assert not driver.memories
    assert account.counts == NOTHING


def test_a_call_that_fails_lets_its_buffers_go_too(
    table: BufferTable, account: Account, driver: FakeDriver
) -> None:
    number = _add(table, account, driver)

    def call() -> None:
        with table.pinned((Parameter(IN, 0, 1, number),)):
            table.release(number)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call()
    assert not driver.memories


def test_the_end_of_a_client_releases_all(
    table: BufferTable, account: Account, driver: FakeDriver
) -> None:
    for _ in range(3):
        _add(table, account, driver)
    table.release_all()
    assert not driver.memories
    assert account.counts == NOTHING


class TestShadow:
    """Where the TEE cannot register memory, it works on a copy."""

    @pytest.fixture
    def theirs(self) -> mmap.mmap:
        self.memfd = make_memfd(4096)
        return mmap.mmap(self.memfd, 4096)

    @pytest.fixture
    def number(
        self, theirs: mmap.mmap, table: BufferTable, account: Account, driver: FakeDriver
    ) -> int:
        account.charge(buffers=1, bytes=4096)
        shared = driver.allocate(4096)
        self.ours = mmap.mmap(shared.fd, 4096)
        self.table = table
        number = table.add(Buffer(shared, 4096, Shadow(self.memfd, shared, 4096)))
        os.close(self.memfd)
        return number

    def _call(self, parameter: Parameter, returned: int) -> None:
        """The TEE overwrites all that it has, and says that it wrote *returned* bytes."""
        with self.table.pinned((parameter,)) as pinned:
            self.seen = self.ours[:]
            self.ours[:] = b"T" * 4096
            pinned.outputs([pinned.parameters[0]._replace(b=returned)])

    @pytest.mark.parametrize("attr", [IN, INOUT])
    def test_an_input_is_copied_in_and_only_what_is_referred_to(
        self, theirs: mmap.mmap, number: int, attr: Attribute
    ) -> None:
        theirs[:] = b"c" * 4096
        self._call(Parameter(attr, 8, 16, number), 0)
        assert self.seen == bytes(8) + b"c" * 16 + bytes(4072)

    def test_an_output_is_not_copied_in(self, theirs: mmap.mmap, number: int) -> None:
        theirs[:] = b"c" * 4096
        self._call(Parameter(OUT, 0, 4096, number), 0)
        assert self.seen == bytes(4096)

    @pytest.mark.parametrize("attr", [OUT, INOUT])
    def test_an_output_is_copied_out_as_far_as_the_tee_says(
        self, theirs: mmap.mmap, number: int, attr: Attribute
    ) -> None:
        theirs[:] = b"c" * 4096
        self._call(Parameter(attr, 8, 16, number), 4)
        assert theirs[:] == b"c" * 8 + b"TTTT" + b"c" * 4084

    def test_an_input_is_not_copied_out(self, theirs: mmap.mmap, number: int) -> None:
        theirs[:] = b"c" * 4096
        self._call(Parameter(IN, 0, 4096, number), 4096)
        assert theirs[:] == b"c" * 4096

    @pytest.mark.parametrize("returned", [17, 4096, 2**64 - 1])
    def test_nothing_is_copied_out_when_the_tee_wanted_more_than_there_was(
        self, theirs: mmap.mmap, number: int, returned: int
    ) -> None:
        theirs[:] = b"c" * 4096
        self._call(Parameter(OUT, 8, 16, number), returned)
        assert theirs[:] == b"c" * 4096

    def test_the_end_of_it_leaves_nothing_mapped(
        self, theirs: mmap.mmap, number: int, driver: FakeDriver
    ) -> None:
        before = _mappings()
        self.table.release(number)
        assert _mappings() == before - 2
        assert not driver.memories


def _mappings() -> int:
    with open("/proc/self/maps") as maps:
        return sum("/memfd:teed" in line for line in maps)
