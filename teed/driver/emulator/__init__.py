"""A software TEE in this process, for machines that have none.  It protects nothing."""

from teed.driver.emulator.emulator import Emulator, Options

__all__ = ["Emulator", "Options"]
