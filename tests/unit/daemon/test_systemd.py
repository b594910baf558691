"""systemd's manners: a socket that was opened for us, and a word when we are ready."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from teed import systemd

LISTEN = """
import os, sys
from teed import systemd
os.environ["LISTEN_PID"] = str(os.getpid() + {other})
try:
    listener = systemd.listen_socket()
except systemd.ActivationError as why:
    sys.exit(str(why))
left = [name for name in os.environ if name.startswith("LISTEN_")]
if listener is None:
    print("None")
else:
    print(listener.getsockname(), listener.get_inheritable(), left)
    listener.close()
"""


def _activated(
    inherited: socket.socket | int, *, count: str = "1", other: int = 0
) -> subprocess.CompletedProcess[str]:
    """Start a process as systemd would, with *inherited* as its descriptor 3."""
    fd = inherited if isinstance(inherited, int) else inherited.fileno()
    place = f"import os; os.dup2({fd}, 3); os.execv(os.sys.executable, {{argv}})"
    argv = [sys.executable, "-W", "error", "-c", LISTEN.format(other=other)]
    return subprocess.run(
        [sys.executable, "-c", place.format(argv=argv)],
        pass_fds=[fd],
        env=os.environ | {"LISTEN_FDS": count, "LISTEN_FDNAMES": "teed.socket"},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.fixture
def listener(tmp_path: Path) -> socket.socket:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(str(tmp_path / "teed.sock"))
        door.listen()
        yield door


def test_the_socket_that_systemd_opened_is_used(listener: socket.socket) -> None:
    done = _activated(listener)
    assert (done.stdout, done.stderr) == (f"{listener.getsockname()} False []\n", "")


def test_sockets_for_another_process_are_not_ours(listener: socket.socket) -> None:
    assert _activated(listener, other=1).stdout == "None\n"


def test_without_systemd_there_is_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTEN_PID", raising=False)
    assert systemd.listen_socket() is None


@pytest.mark.parametrize("count", ["0", "2"])
def test_it_must_be_one_socket(listener: socket.socket, count: str) -> None:
    done = _activated(listener, count=count)
    assert done.returncode == 1
    assert done.stderr == f"systemd passed {count} sockets, teed listens on one\n"


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        (socket.AF_UNIX, socket.SOCK_STREAM),
        (socket.AF_UNIX, socket.SOCK_DGRAM),
        (socket.AF_INET, socket.SOCK_STREAM),
    ],
)
def test_it_must_be_of_the_right_kind(family: int, kind: int) -> None:
    with socket.socket(family, kind) as wrong:
        done = _activated(wrong)
    assert done.returncode == 1
    assert done.stderr == "the socket unit must say ListenSequentialPacket=/path\n"


def test_it_must_be_a_socket() -> None:
    fd = os.open("/dev/null", os.O_RDWR)
    try:
        done = _activated(fd)
    finally:
        os.close(fd)
    assert done.returncode == 1
    assert done.stderr == "the socket unit must say ListenSequentialPacket=/path\n"


def _heard(address: str, said: str) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(10)
        systemd.notify(said)
        return manager.recv(100)


def test_systemd_hears_that_teed_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert _heard(address, "READY=1") == b"READY=1"


def test_systemd_may_listen_at_an_abstract_address(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"teed-test-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    assert _heard(f"\0{name}", "STOPPING=1") == b"STOPPING=1"


def test_nobody_is_told_when_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify("READY=1")


def test_nobody_to_tell_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    systemd.notify("READY=1")
    assert str(tmp_path / "gone") in caplog.text
