"""Contexts that go past teed, by the stock library; and those that may not."""

from pathlib import Path

import pytest

from .building import LIBRARY, PROGRAMS, Build, compile_c

COMMUNICATION = "ffff000e\n"
USED = """\
stock initialize
past
stock open
stock allocate
stock register
stock allocate
stock release
stock invoke
stock cancel
stock release
stock release
stock close
stock finalize
through
"""
"""An invocation of the stock library allocates and releases; that stays within it."""


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands in for the stock library, under the same name as ours."""
    library = tmp_path_factory.mktemp("stock") / "libteec.so.2"
    compile_c(
        *("-shared", "-fPIC", "-Wl,-soname,libteec.so.2", f"-I{LIBRARY}/include"),
        *(PROGRAMS / "stock.c", "-o", library),
    )
    return library


def test_without_a_daemon_there_is_no_context(plain: Build, tmp_path: Path) -> None:
    assert plain.run("direct", "absent", socket=tmp_path / "nobody") == COMMUNICATION


def test_each_context_is_used_where_it_was_made(
    plain: Build, socket_path: Path, stock: Path, tmp_path: Path
) -> None:
    said = plain.run(
        "direct",
        str(tmp_path / "nobody"),
        socket=socket_path,
        TEED_FALLBACK="direct",
        TEED_STOCK_LIBTEEC=str(stock),
    )
    assert said == USED


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TEED_FALLBACK": "no"},
        {"TEED_FALLBACK": "direct", "TEED_STOCK_LIBTEEC": "/nonexistent/libteec.so.2"},
    ],
)
def test_nobody_goes_past_teed_unasked_or_without_a_stock_library(
    plain: Build, stock: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    environment = {"TEED_STOCK_LIBTEEC": str(stock)} | environment
    said = plain.run("direct", "absent", socket=tmp_path / "nobody", **environment)
    assert said == COMMUNICATION


def test_this_library_is_not_taken_for_the_stock_library(plain: Build, tmp_path: Path) -> None:
    said = plain.run(
        "direct",
        "absent",
        socket=tmp_path / "nobody",
        TEED_FALLBACK="direct",
        TEED_STOCK_LIBTEEC=str(plain.library),
    )
    assert said == COMMUNICATION
