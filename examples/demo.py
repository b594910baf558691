"""The main job, shown: a daemon, an unprivileged client, a file encrypted in the TEE.

``make demo`` runs it: on /dev/tee0 where there is one, on the emulator elsewhere.
"""

import os
import pwd
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aes_file

from teed_client import Context

TEXT = "The walls have ears, the normal world has eyes; what is said in here stays in here.\n"
COPIES = 50_000
UNPRIVILEGED = "nobody"
START_SECONDS = 60
SETTLE_SECONDS = 10


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="teed-demo-") as place:
        directory = Path(place)
        directory.chmod(0o777)
        with _daemon(directory) as path:
            with Context(path) as context:
                _say("daemon", _about_the_daemon(context))
            plain = directory / "plain.txt"
            plain.write_text(TEXT * COPIES)
            plain.chmod(0o644)
            status = _as_somebody_else(lambda: _client(directory, path))
            if status:
                print("the demo failed", file=sys.stderr)
                return 1
            with Context(path) as context:
                left = _settled(context)
            _say("afterwards", f"left in the daemon: {left[0]} sessions, {left[1]} buffers")
    return 0


def _client(directory: Path, path: str) -> None:
    """What the client application does, in a process of its own."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    _say("client", f"pid {os.getpid()}, user {user}, {_rights()}")
    plain, secret, again = (directory / name for name in ("plain.txt", "secret", "again.txt"))
    for source, target, direction in (
        (plain, secret, aes_file.ENCODE),
        (secret, again, aes_file.DECODE),
    ):
        size = aes_file.run(source, target, direction=direction, socket=path)
        verb = "encrypt" if direction == aes_file.ENCODE else "decrypt"
        _say(verb, f"{size:,} bytes changed in place, in memory shared with the TEE")
        _say("", f"{source.name:>9}: {_glance(source)}")
        _say("", f"{target.name:>9}: {_glance(target)}")
    if again.read_bytes() != plain.read_bytes():
        raise SystemExit("what came back is not what went in")
    _say("compare", "what came back is what went in")


def _rights() -> str:
    device = Path("/dev/tee0")
    if not device.exists():
        return "no /dev/tee0 here"
    return (
        "may open /dev/tee0"
        if os.access(device, os.R_OK | os.W_OK)
        else "cannot open /dev/tee0"
    )


def _settled(context: Context) -> tuple[int, int]:
    """What is left of the client, when the daemon has had time to clear away after it."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        status = context.status()
        left = status["total_sessions"], status["total_buffers"]
        if left == (0, 0) or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def _about_the_daemon(context: Context) -> str:
    if context.driver == "linux":
        return f"pid {_daemon_pid[0]}, holds the TEE device: a real TEE"
    return f"pid {_daemon_pid[0]}, EMULATED TEE (no /dev/tee0 here): it protects nothing"


def _glance(path: Path) -> str:
    start = path.read_bytes()[:40]
    return start.decode() + "..." if start.isascii() else start[:20].hex(" ") + " ..."


def _say(what: str, text: str) -> None:
    print(f"  {what:<11} {text}", flush=True)


_daemon_pid: list[int] = []


@contextmanager
def _daemon(directory: Path) -> Iterator[str]:
    """Start teed, wait until it says that it is ready, and stop it in the end."""
    path = str(directory / "teed.sock")
    config = directory / "teed.toml"
    config.write_text(f'[socket]\npath = "{path}"\nmode = 0o666\n[tee]\ndriver = "auto"\n')
    log = directory / "teed.log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, log.open("wb") as errors:
        ready.bind(str(directory / "notify"))
        process = subprocess.Popen(
            [sys.executable, "-m", "teed", "--config", str(config)],
            stderr=errors,
            env=os.environ | {"NOTIFY_SOCKET": str(directory / "notify")},
        )
        try:
            _daemon_pid.append(process.pid)
            if not _is_ready(process, ready):
                raise SystemExit(f"teed did not start:\n{log.read_text()}")
            yield path
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(START_SECONDS)
    if status:
        raise SystemExit(f"teed ended with {status}:\n{log.read_text()}")


def _is_ready(process: subprocess.Popen[bytes], ready: socket.socket) -> bool:
    """Wait until the daemon says so; False when it has ended, or takes too long."""
    end = os.pidfd_open(process.pid)
    try:
        heard, _, _ = select.select([ready, end], [], [], START_SECONDS)
    finally:
        os.close(end)
    return ready in heard


def _as_somebody_else(work: Callable[[], None]) -> int:
    """Run *work* in a child process, without root's rights if we have them."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    status = 1
    try:
        if os.geteuid() == 0:
            user = pwd.getpwnam(UNPRIVILEGED)
            os.setgroups([])
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
