"""The trusted applications that come with the emulator.

To add one, write its class in a module of its own here and name it in ``EXAMPLES``.
"""

from teed.driver.emulator.application import TrustedApplication
from teed.driver.emulator.applications.acipher import Acipher
from teed.driver.emulator.applications.aes import Aes
from teed.driver.emulator.applications.hello_world import HelloWorld
from teed.driver.emulator.applications.hotp import Hotp
from teed.driver.emulator.applications.random import Random
from teed.driver.emulator.applications.secure_storage import SecureStorage
from teed.driver.emulator.applications.teed_test import (
    TeedTest,
    TeedTestShared,
    TeedTestSingle,
)

EXAMPLES: tuple[type[TrustedApplication], ...] = (
    HelloWorld,
    Random,
    Aes,
    Hotp,
    Acipher,
    SecureStorage,
    TeedTest,
    TeedTestSingle,
    TeedTestShared,
)
