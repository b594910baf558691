"""``teed``: the daemon's command line."""

import argparse
import dataclasses
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from teed import __version__, config, descriptors, listening, server, systemd
from teed.driver.interface import Driver
from teed_protocol.errors import TeedError

log = logging.getLogger("teed")

CONFIG_PATH = Path("/etc/teed/teed.toml")

OLD_COLLECTIONS = 1000
"""Collections of younger objects between two of everything; Python has 10."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon; the exit status is 1 when it could not start."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=options.log.upper(), format="teed: %(levelname)s: %(message)s", stream=sys.stderr
    )
    try:
        settings = _settings(options)
        driver = open_driver(settings)
        try:
            _serve(settings, driver)
        finally:
            driver.close()
    except TeedError as why:
        print(f"teed: {why}", file=sys.stderr)
        return 1
    return 0


def open_driver(settings: config.Config) -> Driver:
    """The TEE that the configuration asks for; DeviceError when it cannot be had."""
    from teed.driver import linux

    tee = settings.tee
    device = Path(tee.device) if tee.device else None
    if tee.driver == "emulator":
        return _emulator(settings)
    if tee.driver == "noop":
        return _noop(settings)
    try:
        driver = linux.find_device(device, tee.implementation or None)
        driver.renounce(tee.renounced)
        return driver
    except linux.DeviceError as why:
        if tee.driver == "auto" and device is None:
            log.warning("%s", why)
            return _emulator(settings)
        hint = "to try teed without a TEE, start it with --tee emulator"
        raise linux.DeviceError(f"no TEE can be used: {why} ({hint})") from why


def _emulator(settings: config.Config) -> Driver:
    from teed.driver.emulator import Emulator, Options

    return Emulator(
        Options(
            secure_threads=settings.tee.secure_threads,
            max_sessions=settings.emulator.sessions,
            register=settings.tee.register_memory,
            memref_null=settings.tee.null_references,
            state=_state_directory(settings),
        )
    )


def _state_directory(settings: config.Config) -> Path | None:
    """Configured, or the first that systemd gives; None is one that lasts as long as teed."""
    path = settings.emulator.state or os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(path) if path else None


def _noop(settings: config.Config) -> Driver:
    from teed.driver.noop import Noop

    microseconds = settings.tee.device or "0"
    if not microseconds.isdecimal():
        raise config.ConfigError("the device of the noop TEE is a number of microseconds")
    return Noop(int(microseconds))


def _serve(settings: config.Config, driver: Driver) -> None:
    descriptors.raise_limit()
    _collect_rarely()
    noted = _note_signals()
    handed = systemd.listen_socket()
    listener = handed or listening.bind(settings.socket)
    with listener:
        path = listener.getsockname()
        try:
            log.info("%s, driver %s, listening at %s", __version__, driver.name, path)
            trio.run(server.run, settings, driver, listener, lambda _: _raise_again(noted))
        finally:
            for number in server.STOPPING:  # Python's end would bring the defaults back
                signal.signal(number, signal.SIG_IGN)
            if handed is None:
                listening.unlink(listener)


def _note_signals() -> list[int]:
    """Until the server listens for the signals that end it, they are only noted."""
    noted: list[int] = []
    for number in server.STOPPING:
        signal.signal(number, lambda number, _: noted.append(number))
    return noted


def _raise_again(noted: list[int]) -> None:
    """For the server, which is ready and has not heard those that came before."""
    for number in noted[:1]:
        signal.raise_signal(number)


def _collect_rarely() -> None:
    """Have Python look through everything for cycles only now and then.

    With ten thousand clients that takes 150 ms, during which nobody is answered, and finds
    nothing: what a client had ends with its references.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, OLD_COLLECTIONS)


def _settings(options: argparse.Namespace) -> config.Config:
    if options.config is not None:
        settings = config.load(options.config)
    elif CONFIG_PATH.exists():
        settings = config.load(CONFIG_PATH)
    else:
        settings = config.Config()
    if options.tee is not None:
        settings = _replace(settings, "tee", driver=options.tee)
    if options.device is not None:
        settings = _replace(settings, "tee", device=options.device)
    if options.socket is not None:
        if not options.socket:
            raise config.ConfigError("--socket needs a path")
        settings = _replace(settings, "socket", path=os.path.abspath(options.socket))
    return settings


def _replace(settings: config.Config, section: str, **values: str) -> config.Config:
    changed = dataclasses.replace(getattr(settings, section), **values)
    return dataclasses.replace(settings, **{section: changed})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="teed", description="A broker for Trusted Execution Environments on Linux."
    )
    parser.add_argument("--version", action="version", version=f"teed {__version__}")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"configuration (default: {CONFIG_PATH})"
    )
    parser.add_argument(
        "--tee",
        choices=config.DRIVERS,
        help="linux: the device; emulator: a software TEE that protects nothing; "
        "auto: the device, or else the emulator; "
        "noop: for benchmarks, a TEE that does nothing (default: linux)",
    )
    parser.add_argument("--device", metavar="PATH", help="default: the first of /dev/tee0 to 9")
    parser.add_argument(
        "--socket",
        metavar="PATH",
        help=f"where to listen for clients (default: {config.Socket().path})",
    )
    parser.add_argument(
        "--log",
        choices=["debug", "info", "warning", "error"],
        default="info",
        help="how much to say (default: info)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
