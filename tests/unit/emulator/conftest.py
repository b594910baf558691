"""Emulators, clients of them, daemons on them, and an application that a test can hold up."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from teed.driver.emulator import Emulator, Options
from teed.driver.emulator.application import TrustedApplication, command
from teed.driver.emulator.session import Session
from teed.driver.interface import Answer, Credentials, Opening
from teed_client import Context, TeeError
from teed_client import Session as ClientSession
from teed_protocol.codes import Login, Origin
from teed_protocol.fields import Parameter

CLIENT = Credentials(uid=1000, gid=100, groups=(200,))

SECONDS = 10
"""Longer than anything here takes; only a broken emulator needs it."""


@pytest.fixture
def emulate() -> Iterator[Callable[..., Emulator]]:
    """Make an emulator of these applications (or all that come along) and options."""
    made: list[Emulator] = []

    def make(*applications: type[TrustedApplication], **options: int) -> Emulator:
        chosen = {"applications": applications} if applications else {}
        made.append(Emulator(Options(**chosen, **options)))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def tee(emulate: Callable[..., Emulator]) -> Emulator:
    return emulate()


@pytest.fixture
def opening() -> Callable[..., Opening]:
    """What a client asks for when it opens a session with an application."""

    def make(
        application: type[TrustedApplication] | UUID,
        *parameters: Parameter,
        login: int = Login.PUBLIC,
        group: int | None = None,
        caller: Credentials = CLIENT,
    ) -> Opening:
        uuid = application if isinstance(application, UUID) else application.uuid
        return Opening(uuid.bytes, login, group, caller, parameters)

    return make


@pytest.fixture
def opened(opening: Callable[..., Opening]) -> Callable[..., int]:
    """Open a session that has to succeed; its number."""

    def open_it(tee: Emulator, *asked: object, **also: object) -> int:
        answer: Answer = tee.open_session(opening(*asked, **also))
        assert answer.result == 0
        return answer.session

    return open_it


@pytest.fixture
def start() -> Callable[..., Future[Any]]:
    """Begin a call that does not return at once, in a thread of its own.

    Nobody joins it: where the emulator is broken, a test shall fail and not hang.
    """

    def begin(call: Callable[..., Any], *arguments: object) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(call(*arguments))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future

    return begin


class GateBase(TrustedApplication):
    """Command 0 stays inside until the test lets it go; 1 is over at once."""

    entered: threading.Semaphore
    leave: threading.Event

    @command(0)
    def hold(self, session: Session) -> None:
        self.entered.release()
        assert self.leave.wait(SECONDS)

    @command(1)
    def nop(self, session: Session) -> None:
        """Nothing."""


@pytest.fixture
def gate() -> Iterator[type[GateBase]]:
    """A new such application, opened in the end for whoever is still inside."""

    class Gate(GateBase):
        uuid = UUID(int=1)
        entered = threading.Semaphore(0)
        leave = threading.Event()

    yield Gate
    Gate.leave.set()


class Daemon:
    """``teed`` on the emulator, in a process of its own; ``socket`` is there when it is."""

    def __init__(self, folder: Path, configuration: str = "", **environment: str) -> None:
        self.socket = folder / "teed.sock"
        settings = folder / "teed.toml"
        settings.write_text(configuration)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-W", "error", "-m", "teed", "--tee", "emulator"),
                *("--config", str(settings), "--socket", str(self.socket)),
            ],
            env=os.environ | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        assert any("listening" in line for line in self._process.stderr)

    def stop(self) -> str:
        """End it in good order; what it has said."""
        self._process.terminate()
        _, said = self._process.communicate(timeout=3 * SECONDS)
        assert self._process.returncode == 0, said
        return said

    def kill(self) -> None:
        """End it without a word, if it has not ended yet."""
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Start a daemon; the next one begins when the one before has been stopped or killed."""
    started: list[Daemon] = []

    def start(configuration: str = "", **environment: str) -> Daemon:
        started.append(Daemon(tmp_path, configuration, **environment))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A client of a daemon that is there for all tests."""
    folder = tmp_path_factory.mktemp("daemon")
    daemon = Daemon(folder, f"[emulator]\nstate = '{folder / 'state'}'")
    with Context(daemon.socket) as connected:
        yield connected
    daemon.stop()


@pytest.fixture
def result() -> Callable[..., tuple[int, int]]:
    """What a call of a client's session comes to: result and origin."""

    def invoke(session: ClientSession, command: int, *parameters: Any) -> tuple[int, int]:
        try:
            session.invoke(command, *parameters)
        except TeeError as failed:
            return failed.code, failed.origin
        return 0, Origin.TRUSTED_APP

    return invoke
