"""RSA keys of any size, and what is encrypted with them.

The package ``cryptography`` makes keys of 1024 bits and more, and knows no others.  The short
ones, which OP-TEE has too and its example is mostly tried with, are made here: they protect
nothing, like all of the emulator.
"""

import logging
import math
import secrets
from typing import NamedTuple

from teed.driver.emulator.application import TaError
from teed.driver.emulator.applications.packages import require_cryptography
from teed_protocol.codes import Result

log = logging.getLogger(__name__)

EXPONENT = 65537
PADDING = 11
"""The bytes that PKCS #1 v1.5 adds at the least."""

SHORTEST_OF_THE_PACKAGE = 1024
ROUNDS = 40
"""Of Miller and Rabin's test: a number that is no prime survives one of four at the most."""


class Key(NamedTuple):
    """The public half is the modulus, the private one its factors."""

    p: int
    q: int

    @property
    def modulus(self) -> int:
        return self.p * self.q

    @property
    def size(self) -> int:
        """In bytes."""
        return self.modulus.bit_length() // 8

    def encrypt(self, text: bytes) -> bytes:
        """RSAES-PKCS1-v1_5 (RFC 8017, section 7.2.1) of what is short enough."""
        padding = bytes(secrets.randbelow(255) + 1 for _ in range(self.size - len(text) - 3))
        block = int.from_bytes(b"\x00\x02" + padding + b"\x00" + text, "big")
        return pow(block, EXPONENT, self.modulus).to_bytes(self.size, "big")


def generate(bits: int) -> Key:
    """A new key whose modulus has that many bits, which are whole bytes."""
    if bits < SHORTEST_OF_THE_PACKAGE:
        return _short(bits)
    require_cryptography()
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        numbers = rsa.generate_private_key(EXPONENT, bits).private_numbers()
    except ValueError as why:  # it has rules of its own, and others with each version
        log.error("no RSA key of %d bits: %s", bits, why)
        raise TaError(Result.ERROR_NOT_SUPPORTED) from why
    return Key(numbers.p, numbers.q)


def _short(bits: int) -> Key:
    while True:
        key = Key(_prime(bits // 2), _prime(bits // 2))
        if key.p != key.q and key.modulus.bit_length() == bits:
            return key


def _prime(bits: int) -> int:
    """A prime whose two highest bits are set, and for which the exponent can be inverted."""
    while True:
        number = secrets.randbits(bits) | 3 << bits - 2 | 1
        if math.gcd(number - 1, EXPONENT) == 1 and is_prime(number):
            return number


def is_prime(number: int) -> bool:
    """Whether an odd number of more than 13 is one, but for a chance of 2 ** -80."""
    return all(number % small for small in (3, 5, 7, 11, 13)) and all(
        _may_be_prime(number, secrets.randbelow(number - 3) + 2) for _ in range(ROUNDS)
    )


def _may_be_prime(number: int, base: int) -> bool:
    """One round: whether the square roots of 1 that *base* leads to are those of a prime."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    power = pow(base, odd, number)
    if power in (1, number - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False
