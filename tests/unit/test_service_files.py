"""The files that a system installs say what the daemon needs, and parse."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from teed import config

SYSTEMD = Path(__file__).parents[2] / "systemd"


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    parser.read(SYSTEMD / name)
    return parser


def test_the_configuration_that_is_shipped_says_the_defaults() -> None:
    assert config.load(SYSTEMD / "teed.toml") == config.Config()


def test_the_socket_is_of_the_kind_that_the_daemon_takes() -> None:
    socket = unit("teed.socket")["Socket"]
    assert socket["ListenSequentialPacket"] == config.Socket().path
    assert (socket["SocketGroup"], socket["SocketMode"]) == ("teed", "0660")


def test_the_service_is_told_when_teed_is_ready_and_has_the_device_alone() -> None:
    service = unit("teed.service")["Service"]
    assert service["Type"] == "notify"
    assert (service["DevicePolicy"], service["DeviceAllow"]) == ("closed", "char-tee rw")


def test_systemd_finds_no_fault_with_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed here")
    for name in ("teed.socket", "teed.service"):
        text = (SYSTEMD / name).read_text().replace("/usr/bin/teed", "/bin/true")
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [analyze, "verify", "--man=no", *(str(path) for path in tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    faults = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert not faults
