"""The TEE of the benchmarks does nothing, and says that it went well."""

import time
from pathlib import Path

import pytest
from teed.channels._core import ffi, lib

from teed.__main__ import open_driver
from teed.config import Config, ConfigError, parse
from teed.driver.noop import Noop

from .conftest import street


async def test_every_command_succeeds_and_leaves_its_parameters(tmp_path: Path) -> None:
    async with street(tmp_path, lambda: None) as serve_with:
        house = await serve_with(Noop(), Config())
        client = await house.client()
        buffer = await client.allocate()
        session, channel = await client.open()
        asked = [[3, 1, 2, 0], [7, 16, 32, buffer]]
        assert (await channel.invoke(1, 5, asked)).result == [0, 4, asked]
        assert (await channel.invoke(2, 5, [[7, 0, 9, 99]])).error.reason == "bad-buffer"
        await client.result("close", session)


def test_a_command_takes_the_time_it_is_told_to() -> None:
    call = ffi.new("struct teed_invoke *")
    start = time.monotonic()
    assert lib.teed_noop(ffi.cast("void *", 2000), call) == 0
    assert time.monotonic() - start >= 0.002


def test_the_command_line_s_device_is_the_time_in_microseconds() -> None:
    driver = open_driver(parse({"tee": {"driver": "noop", "device": "20"}}))
    assert driver.native is not None
    assert driver.native.context == 20
    with pytest.raises(ConfigError, match="number of microseconds"):
        open_driver(parse({"tee": {"driver": "noop", "device": "/dev/tee0"}}))
