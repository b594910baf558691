"""Imports run one way: the client and the daemon know the wire, and not each other."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "teed_protocol": (ROOT / "protocol" / "teed_protocol", {"teed_protocol"}),
    "teed_client": (ROOT / "client" / "teed_client", {"teed_client", "teed_protocol"}),
    "teed": (ROOT / "teed", {"teed", "teed_protocol"}),
}


def _imported(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} imports relatively"
                yield path, node.module or ""


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_of_ours_imports_only_those_below_it(name: str) -> None:
    folder, allowed = PACKAGES[name]
    ours = [(path, module.split(".")[0]) for path, module in _imported(folder)]
    assert ours
    assert [each for each in ours if each[1] in PACKAGES.keys() - allowed] == []


def _loaded_by(statement: str) -> set[str]:
    """The modules in a fresh interpreter after *statement*."""
    script = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=30
    )
    return set(done.stdout.split())


def test_the_wire_does_no_io_and_knows_no_event_loop() -> None:
    modules = ["calls", "codes", "errors", "fields", "messages"]
    loaded = _loaded_by("; ".join(f"import teed_protocol.{module}" for module in modules))
    assert "teed_protocol.calls" in loaded
    assert loaded & {"trio", "socket", "asyncio", "ssl", "cffi"} == set()


def test_the_daemon_loads_the_emulator_only_when_it_is_asked_for() -> None:
    loaded = _loaded_by("import teed.__main__")
    assert "teed.server" in loaded
    assert not any(name.startswith("teed.driver.emulator") for name in loaded)
