"""The command ``teed``, as an administrator and systemd meet it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from teed import config, listening
from teed_protocol.messages import Request, Response, decode, encode

TEST_TA = bytes.fromhex("0f5e0cc6903f4a0da4efc58751591d94")
WAIT = 5

HURRIED = """
import sys
from teed import __main__, server, systemd
from teed.driver import emulator

server.GRACE_SECONDS = 0.2

class Broken(emulator.Emulator):
    def open_session(self, opening):
        if opening.parameters:
            systemd.notify("STATUS=inside")
        return super().open_session(opening)

    def invoke(self, session, command, *arguments):
        if command == 0xBAD:
            raise ZeroDivisionError("a bug of ours")
        systemd.notify("STATUS=inside")
        return super().invoke(session, command, *arguments)

emulator.Emulator = Broken
sys.exit(__main__.main(sys.argv[1:]))
"""


class Teed:
    """A daemon in a process of its own, which tells when it is ready."""

    def __init__(self, folder: Path, *options: str, program: tuple[str, ...]) -> None:
        self.path = folder / "teed.sock"
        notified = folder / "notify"
        notified.unlink(missing_ok=True)
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(notified))
        self._manager.settimeout(20)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", *program, "--socket", str(self.path), *options],
            env=os.environ | {"NOTIFY_SOCKET": str(notified)},
            stderr=subprocess.PIPE,
            text=True,
        )

    def hear(self) -> bytes:
        return self._manager.recv(100)

    def ends(self) -> tuple[int, str]:
        """Wait for the end: the exit status, and all that it said."""
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        return self.ends()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self._manager.close()


Start = Callable[..., Teed]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts ``teed``, and waits until it is ready unless that is not to be."""
    started: list[Teed] = []

    def run(
        *options: str, ready: bool = True, program: tuple[str, ...] = ("-m", "teed")
    ) -> Teed:
        started.append(Teed(tmp_path, *options, program=program))
        if ready:
            assert started[-1].hear() == b"READY=1"
        return started[-1]

    yield run
    for teed in started:
        teed.close()


class Plain:
    """A client that blocks, with one session."""

    def __init__(self, path: Path) -> None:
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(20)
        self.control.connect(str(path))
        self.ask("hello", [1], "plain")
        assert isinstance(decode(self.control.recv(65536)), Response)

    def ask(self, method: str, *params: object) -> None:
        self.control.send(encode(Request(1, method, params)))

    def channel(self) -> socket.socket:
        self.ask("open", TEST_TA, 0, None, [])
        _, fds, _, _ = socket.recv_fds(self.control, 65536, 1)
        return socket.socket(fileno=fds[0])

    def __enter__(self) -> "Plain":
        return self

    def __exit__(self, *_: object) -> None:
        self.control.close()


def test_it_serves_and_stops_in_good_order(start: Start) -> None:
    teed = start("--tee", "emulator")
    with Plain(teed.path) as client, client.channel() as channel:
        channel.send(encode(Request(2, "invoke", [0, []])))
        assert decode(channel.recv(65536)) == Response(2, None, [0, 4, []])
        status, said = teed.stop()
    assert status == 0
    assert f"listening at {teed.path}" in said
    assert "SIGTERM: stopping" in said
    assert teed.hear() == b"STOPPING=1"
    assert not teed.path.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_it_in_good_order_from_its_first_word_on(
    start: Start, number: signal.Signals
) -> None:
    """Two of them too: whoever is impatient sends another while it stops."""
    for pause in (0, 0.0005, 0.001, 0.004):
        teed = start("--tee", "emulator", ready=False)
        assert teed.process.stderr is not None
        assert any("listening at" in line for line in teed.process.stderr)
        teed.process.send_signal(number)
        time.sleep(pause)
        teed.process.send_signal(number)
        status, said = teed.ends()
        assert (status, teed.path.exists()) == (0, False), said
        assert "Traceback" not in said


def test_who_serves_already_is_not_replaced(start: Start) -> None:
    first = start("--tee", "emulator")
    status, said = start("--tee", "emulator", ready=False).ends()
    assert status == 1
    assert said.endswith(f"cannot listen at {first.path}: another teed is serving there\n")
    Plain(first.path).__exit__()
    assert first.stop()[0] == 0


def test_a_dead_daemon_s_socket_is_replaced(start: Start) -> None:
    first = start("--tee", "emulator")
    first.process.kill()
    first.process.wait(20)
    assert first.path.exists()
    with Plain(start("--tee", "emulator").path):
        pass


@pytest.mark.parametrize("at", ["open", "invoke"])
def test_what_hangs_in_the_tee_does_not_keep_it_from_stopping(start: Start, at: str) -> None:
    teed = start("--tee", "emulator", program=("-c", HURRIED))
    forever = 2**31
    with Plain(teed.path) as client, client.channel() as channel:
        if at == "open":
            client.ask("open", TEST_TA, 0, None, [[1, 1, forever, 0]])
        else:
            channel.send(encode(Request(2, "invoke", [WAIT, [[1, forever, 0, 0]]])))
        assert teed.hear() == b"STATUS=inside"
        status, said = teed.stop()
    assert status == 0
    assert "a call is still inside the TEE" in said
    assert "Traceback" not in said


def test_a_bug_in_a_worker_is_its_end_and_is_not_hidden(start: Start) -> None:
    teed = start("--tee", "emulator", program=("-W", "ignore", "-c", HURRIED))
    with Plain(teed.path) as client, client.channel() as channel:
        channel.send(encode(Request(2, "invoke", [0xBAD, []])))
        status, said = teed.ends()
    assert status not in (0, None)
    assert "ZeroDivisionError: a bug of ours" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--device", "/dev/null"], "no TEE can be used: /dev/null: "),
        (
            ["--device", "/dev/no-such-tee"],
            "no TEE can be used: /dev/no-such-tee: No such file",
        ),
        (["--config", "/no/such/file"], "/no/such/file: No such file or directory"),
        (["--tee", "auto", "--device", "/dev/null"], "no TEE can be used: /dev/null: "),
    ],
)
def test_what_keeps_it_from_starting_is_told_in_one_line(
    start: Start, options: list[str], words: str
) -> None:
    status, said = start(*options, ready=False).ends()
    assert status == 1
    assert said.startswith(f"teed: {words}")
    assert said.count("\n") == 1


def test_the_configuration_is_read_and_options_go_before_it(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "teed.toml"
    path.write_text('[socket]\npath = "/no/where"\nmode = 0o600\n[tee]\ndriver = "emulator"\n')
    teed = start("--config", str(path))
    assert teed.path.stat().st_mode & 0o777 == 0o600
    assert teed.stop()[0] == 0


@pytest.mark.skipif(Path("/dev/tee0").exists(), reason="here is a TEE, and it would be used")
def test_auto_falls_back_to_the_emulator_and_says_so(start: Start) -> None:
    status, said = start("--tee", "auto").stop()
    assert status == 0
    assert "there is no /dev/tee0" in said
    assert "emulated TEE" in said


# -- where it listens ----------------------------------------------------------------------


def test_the_socket_has_its_mode_before_anybody_can_connect(tmp_path: Path) -> None:
    where = config.Socket(str(tmp_path / "teed" / "teed.sock"), 0o606)
    with listening.bind(where) as listener:
        assert Path(where.path).stat().st_mode & 0o777 == 0o606
        assert not listener.get_inheritable()
        listening.unlink(listener)
    assert not Path(where.path).exists()


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "teed.sock"
    path.write_text("dear to somebody")
    with pytest.raises(config.ConfigError, match="something is there that is no socket"):
        listening.bind(config.Socket(str(path)))
    assert path.read_text() == "dear to somebody"


def test_a_path_that_is_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match="AF_UNIX path too long"):
        listening.bind(config.Socket(str(tmp_path / ("x" * 120))))


def test_a_stranger_s_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "teed.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.bind(str(path))
        stranger.listen()
        with pytest.raises(config.ConfigError, match=r"cannot listen at .*teed\.sock"):
            listening.bind(config.Socket(str(path)))
        assert path.exists()


def test_a_socket_that_is_gone_already_is_no_trouble(tmp_path: Path) -> None:
    with listening.bind(config.Socket(str(tmp_path / "teed.sock"))) as listener:
        listening.unlink(listener)
        listening.unlink(listener)
