"""One instance of a trusted application, and what becomes of whatever it does."""

import logging
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from teed.driver.emulator.application import Panic, Seen, TaError, TrustedApplication
from teed.driver.emulator.session import Session
from teed.driver.emulator.storage import TrustedStorage
from teed_protocol.codes import Result

log = logging.getLogger(__name__)

_U32 = 2**32 - 1


class Refused(Exception):
    """The TEE itself says no: *result*, of origin TEE."""

    def __init__(self, result: int) -> None:
        super().__init__(result)
        self.result = result


class Instance:
    """A trusted application from its first session to its last, or to its panic."""

    def __init__(self, kind: type[TrustedApplication], storage: TrustedStorage) -> None:
        self.kind = kind
        self._storage = storage
        self.sessions = 0
        self.dead = False
        self._application: TrustedApplication | None = None

    @property
    def needed(self) -> bool:
        """Whether it goes on living: it has a session, or can do without."""
        return self.sessions > 0 or (self.kind.single_instance and self.kind.keep_alive)

    def check_alive(self) -> None:
        if self.dead:
            raise Refused(Result.ERROR_TARGET_DEAD)

    def open(self, session: Session, parameters: Sequence[Seen]) -> int:
        """Enter it to open *session*: its result, or Refused when it is dead."""
        return self._enter(session, lambda it: it.open_session(session, parameters))

    def invoke(self, session: Session, command: int, parameters: Sequence[Seen]) -> int:
        return self._enter(session, lambda it: it.invoke(session, command, parameters))

    def close(self, session: Session) -> None:
        self._enter(session, lambda it: it.close_session(session))

    def destroy(self) -> None:
        if self._application and not self.dead:
            with _Contained(self):
                self._application.destroy()
        self._application = None

    def _enter(
        self, session: Session, entry: Callable[[TrustedApplication], int | None]
    ) -> int:
        self.check_alive()
        with _Contained(self) as stay, session.entry():
            if self._application is None:
                self._application = self.kind()
                self._application.storage = self._storage
            stay.result = (entry(self._application) or 0) & _U32
        self.check_alive()
        return stay.result


class _Contained:
    """One stay in an application: nothing that it raises goes any further.

    The one place where every exception is caught.  An application is somebody else's code,
    and what it does wrong ends its instance, as it would in a TEE, and not the emulator.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.result = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        match error:
            case None | KeyboardInterrupt():  # the latter is not the application's doing
                return False
            case TaError(code=code):
                self.result = code & _U32
            case _:
                self._bury(error)
        return True

    def _bury(self, error: BaseException) -> None:
        self._instance.dead = True
        trace = None if isinstance(error, Panic) else error
        log.error("%s panicked: %s", self._instance.kind.__name__, error, exc_info=trace)
