"""The trusted applications of the tests, by the names that tests/ta/README.md gives them."""

from enum import IntEnum

TEED_TEST = "0f5e0cc6-903f-4a0d-a4ef-c58751591d94"
"""An instance a session."""

SINGLE = "1adacce6-e807-4f1f-a979-90e4d840c79d"
"""A single instance, which serves one session."""

SINGLE_MULTI = "c40f0c94-1a83-432c-b7f9-24a53a99ae35"
"""A single instance, which serves all sessions and stays when they are gone."""

HELLO_WORLD = "8aaaf200-2450-11e4-abe2-0002a5d5c51b"
RANDOM = "b6c53aba-9669-4668-a7f2-205629d00f86"
AES = "5dbac793-f574-4871-8ad3-04331ec17f24"
NOBODY = "00000000-0000-4000-8000-000000000000"
"""No application has this UUID."""


class Command(IntEnum):
    """The commands of teed_test."""

    NOP = 0
    VALUES = 1
    XOR = 2
    COPY = 3
    DESCRIBE = 4
    WAIT = 5
    SPIN = 6
    PANIC = 7
    IDENTITY = 8
    COUNT = 9
    RETURN = 10
    FILL = 11


WAIT_IN_OPEN, FAIL_IN_OPEN, PANIC_IN_OPEN = 1, 2, 3
"""What a VALUE_INPUT as the first parameter of an opening asks for."""
