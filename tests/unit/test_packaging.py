"""What ``pip install .`` installs, from a clean copy of what git has."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

import teed
import teed_client
import teed_protocol

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = {
    each.__name__: Path(each.__path__[0]) for each in (teed, teed_client, teed_protocol)
}
DEPENDENCIES = sysconfig.get_path("purelib")
COMPILED = ["teed.channels._core", "teed.driver._linux"]

LOCATE = """
import importlib, sys
for name in sys.argv[1:]:
    print(importlib.import_module(name).__file__)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with neither what was compiled here nor anything else that git ignores."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: which files belong to the project is not known")
    copy = tmp_path_factory.mktemp("source")
    names = _run(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():  # or else it is removed, and git was not told yet
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    """Built by the hatchling, cffi and setuptools that are here: it needs no network."""
    pip = [sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps"]
    _run(source, *pip, "--no-build-isolation", "--wheel-dir", "built", ".")
    (wheel,) = (source / "built").iterdir()
    return wheel


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel, and nothing else, installed."""
    place = tmp_path_factory.mktemp("environment")
    _run(place, sys.executable, "-m", "venv", "--without-pip", ".")
    pip = [sys.executable, "-m", "pip", "--python", "bin/python", "install"]
    _run(place, *pip, "--no-index", "--no-deps", str(wheel))
    return place


def _run(where: Path, *command: str) -> str:
    """Run it in that folder; what is missing there is taken from our own environment.

    That has this checkout by a .pth file, and on PYTHONPATH such a file means nothing.
    """
    done = subprocess.run(
        command,
        cwd=where,
        env=os.environ | {"PYTHONPATH": DEPENDENCIES, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_our_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    metadata = f"teed-{PROJECT['version']}.dist-info"
    assert {name.split("/")[0] for name in names} == {*PACKAGES, metadata}
    modules = {
        f"{package}/{path.relative_to(place)}"
        for package, place in PACKAGES.items()
        for path in place.rglob("*.py")
    }
    assert {name for name in names if name.endswith(".py")} == modules


def test_the_wheel_has_the_compiled_modules_and_says_so(wheel: Path) -> None:
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    names = zipfile.ZipFile(wheel).namelist()
    compiled = [each.replace(".", "/") + suffix for each in COMPILED]
    assert sorted(name for name in names if name.endswith(".so")) == compiled
    assert not wheel.name.endswith("-none-any.whl")


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_has_the_mark_of_a_typed_package(wheel: Path, package: str) -> None:
    assert f"{package}/py.typed" in zipfile.ZipFile(wheel).namelist()


def test_what_is_installed_is_complete(environment: Path) -> None:
    modules = [*PACKAGES, *COMPILED, "teed_client.trio", "teed.driver.emulator"]
    files = _run(environment, "bin/python", "-c", LOCATE, *modules).split()
    assert len(files) == len(modules)
    assert [file for file in files if not Path(file).is_relative_to(environment)] == []


def test_the_programs_run(environment: Path) -> None:
    assert _run(environment, "bin/teed", "--version") == f"teed {PROJECT['version']}\n"
    assert "usage: teectl" in _run(environment, "bin/teectl", "--help")
