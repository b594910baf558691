"""AES: the vectors of NIST SP 800-38A, and what a client can do wrong."""

import mmap
import sys
from collections.abc import Callable

import pytest

from teed.driver.emulator import Emulator
from teed.driver.emulator.applications.aes import CBC, CTR, DECODE, ECB, ENCODE, Aes
from teed_protocol.codes import Attribute, Origin, Result
from teed_protocol.fields import Parameter

PREPARE, SET_KEY, SET_IV, CIPHER = range(4)
"""The four commands."""

PLAIN = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
KEY_128 = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
KEY_256 = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
IV = bytes(range(16))
COUNTER = bytes(range(0xF0, 0x100))

VECTORS = [
    (ECB, KEY_128, IV, "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"),
    (CBC, KEY_128, IV, "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"),
    (CTR, KEY_128, COUNTER, "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"),
    (ECB, KEY_256, IV, "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"),
    (CBC, KEY_256, IV, "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"),
    (CTR, KEY_256, COUNTER, "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"),
]


class Client:
    """A session with AES, and a page of shared memory."""

    def __init__(self, tee: Emulator, session: int) -> None:
        self._memory = tee.allocate(1)
        self._tee = tee
        self._session = session

    def prepare(self, mode: int, key_size: int = 16, direction: int = ENCODE) -> int:
        values = [
            Parameter(Attribute.VALUE_INPUT, each) for each in (mode, key_size, direction)
        ]
        return self.invoke(PREPARE, *values)

    def set_key(self, key: bytes) -> int:
        return self.invoke(SET_KEY, self._put(key))

    def set_iv(self, iv: bytes) -> int:
        return self.invoke(SET_IV, self._put(iv))

    def cipher(
        self, text: bytes, room: int | None = None, at: int = 0
    ) -> tuple[int, int, bytes]:
        """The result, the size and the bytes of the output, which begins *at* an offset."""
        size = len(text) if room is None else room
        output = Parameter(Attribute.MEMREF_OUTPUT, at, size, self._memory.id)
        answer = self._tee.invoke(self._session, CIPHER, (self._put(text), output), 0)
        with mmap.mmap(self._memory.fd, self._memory.size) as pages:
            return answer.result, answer.parameters[1].b, pages[at : at + size]

    def _put(self, content: bytes) -> Parameter:
        with mmap.mmap(self._memory.fd, self._memory.size) as pages:
            pages[: len(content)] = content
        return Parameter(Attribute.MEMREF_INPUT, 0, len(content), self._memory.id)

    def invoke(self, command: int, *parameters: Parameter) -> int:
        answer = self._tee.invoke(self._session, command, parameters, 0)
        assert answer.origin == Origin.TRUSTED_APP
        return answer.result


@pytest.fixture
def client(tee: Emulator, opened: Callable[..., int]) -> Client:
    return Client(tee, opened(tee, Aes))


@pytest.mark.parametrize(
    "vector", VECTORS, ids=["ecb", "cbc", "ctr", "ecb 256", "cbc 256", "ctr 256"]
)
@pytest.mark.parametrize("at", [0, 1024], ids=["in place", "apart"])
def test_the_vectors_of_nist(
    client: Client, vector: tuple[int, bytes, bytes, str], at: int
) -> None:
    mode, key, iv, digits = vector
    secret = bytes.fromhex(digits)
    for direction, before, after in ((ENCODE, PLAIN, secret), (DECODE, secret, PLAIN)):
        assert client.prepare(mode, len(key), direction) == 0
        assert client.set_key(key) == 0
        assert client.set_iv(iv) == 0
        assert client.cipher(before, at=at) == (0, 32, after)


def test_a_text_can_come_in_pieces(client: Client) -> None:
    whole = bytes.fromhex(VECTORS[2][3])
    client.prepare(CTR)
    client.set_key(KEY_128)
    client.set_iv(COUNTER)

    pieces = [client.cipher(each)[2] for each in (PLAIN[:5], PLAIN[5:21], b"", PLAIN[21:])]

    assert b"".join(pieces) == whole


def test_setting_the_iv_starts_anew(client: Client) -> None:
    client.prepare(CTR)
    client.set_key(KEY_128)

    for _ in range(2):
        client.set_iv(COUNTER)
        assert client.cipher(PLAIN)[2] == bytes.fromhex(VECTORS[2][3])


def test_ecb_needs_no_iv(client: Client) -> None:
    client.prepare(ECB)
    client.set_key(KEY_128)

    assert client.cipher(PLAIN)[2] == bytes.fromhex(VECTORS[0][3])


def test_each_step_needs_the_one_before(client: Client) -> None:
    bad_state = Result.ERROR_BAD_STATE

    assert client.set_key(KEY_128) == bad_state
    assert client.set_iv(IV) == bad_state
    assert client.cipher(PLAIN)[0] == bad_state
    client.prepare(CBC)
    assert client.set_iv(IV) == bad_state
    assert client.cipher(PLAIN)[0] == bad_state
    client.set_key(KEY_128)
    assert client.cipher(PLAIN)[0] == bad_state
    client.set_iv(IV)
    assert client.cipher(PLAIN)[0] == 0
    client.set_key(KEY_128)
    assert client.cipher(PLAIN)[0] == bad_state


def test_preparing_starts_over(client: Client) -> None:
    client.prepare(CBC)
    client.set_key(KEY_128)
    client.set_iv(IV)

    assert client.prepare(CTR) == 0

    assert client.cipher(PLAIN)[0] == Result.ERROR_BAD_STATE
    assert client.set_iv(IV) == Result.ERROR_BAD_STATE


def test_what_is_refused_changes_nothing(client: Client) -> None:
    client.prepare(CBC)
    client.set_key(KEY_128)
    client.set_iv(IV)

    assert client.prepare(CTR, 24) != 0
    assert client.set_key(KEY_256) != 0
    assert client.set_iv(IV[1:]) != 0
    assert client.cipher(PLAIN[:17])[0] != 0
    assert client.cipher(PLAIN, room=31)[0] != 0

    assert client.cipher(PLAIN)[2] == bytes.fromhex(VECTORS[1][3])


def test_types_are_checked_before_the_order_of_the_steps(client: Client) -> None:
    for step in (PREPARE, SET_KEY, SET_IV, CIPHER):
        assert client.invoke(step) == Result.ERROR_BAD_PARAMETERS


def test_the_order_of_the_steps_is_checked_before_sizes(client: Client) -> None:
    bad_state = Result.ERROR_BAD_STATE

    assert client.set_key(KEY_128[1:]) == bad_state
    client.prepare(CBC)
    assert client.set_iv(IV[1:]) == bad_state
    client.set_key(KEY_128)
    assert client.cipher(PLAIN[:17], room=1)[0] == bad_state


def test_whole_blocks_are_checked_before_room(client: Client) -> None:
    client.prepare(CBC)
    client.set_key(KEY_128)
    client.set_iv(IV)

    assert client.cipher(PLAIN[:17], room=1)[0] == Result.ERROR_BAD_PARAMETERS
    assert client.cipher(PLAIN[:16], room=1)[0] == Result.ERROR_SHORT_BUFFER


@pytest.mark.parametrize("mode", [CBC, CTR])
def test_a_new_key_needs_a_new_iv(client: Client, mode: int) -> None:
    client.prepare(mode)
    client.set_key(KEY_128)
    client.set_iv(IV)

    client.set_key(KEY_128)

    assert client.cipher(PLAIN)[0] == Result.ERROR_BAD_STATE


def test_ecb_takes_an_iv_of_the_right_size_and_no_notice_of_it(client: Client) -> None:
    client.prepare(ECB)
    client.set_key(KEY_128)

    assert client.set_iv(IV[1:]) == Result.ERROR_BAD_PARAMETERS
    assert client.set_iv(COUNTER) == 0

    assert client.cipher(PLAIN)[2] == bytes.fromhex(VECTORS[0][3])


@pytest.mark.parametrize("wrong", [(3, 16, 1), (CBC, 24, 1), (CBC, 0, 1), (CBC, 16, 2)])
def test_only_what_there_is_can_be_prepared(client: Client, wrong: tuple[int, ...]) -> None:
    assert client.prepare(*wrong) == Result.ERROR_BAD_PARAMETERS


def test_sizes_have_to_fit(client: Client) -> None:
    bad = Result.ERROR_BAD_PARAMETERS
    client.prepare(CBC)

    assert client.set_key(KEY_256) == bad
    assert client.set_key(KEY_128) == 0
    assert client.set_iv(IV[1:]) == bad
    assert client.set_iv(IV) == 0
    assert client.cipher(PLAIN[:17])[0] == bad
    assert client.cipher(PLAIN, room=31, at=64) == (Result.ERROR_SHORT_BUFFER, 32, bytes(31))
    assert client.cipher(PLAIN)[2] == bytes.fromhex(VECTORS[1][3])


def test_without_cryptography_it_says_what_is_missing(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers", None)

    assert client.prepare(CBC) == Result.ERROR_NOT_SUPPORTED

    assert "pip install" in caplog.text
