"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--teed-socket",
        metavar="PATH",
        help="run the conformance tests against the daemon that listens there, "
        "instead of starting one on the emulator",
    )
    parser.addoption(
        "--teed-allocates",
        action="store_true",
        help="have the daemon on the emulator register no memory, so that all of it is "
        "allocated from the driver, and shadowed where the client brought it",
    )
