"""What teed needs of a TEE: the seven calls of the kernel's TEE interface.

Every method may block for as long as the TEE takes, and may be called from any thread.
A call that the driver itself refuses raises OSError with the errno that the ioctl would
have; what the TEE or the trusted application says comes back in an Answer, whatever it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from teed_protocol.codes import Origin, Result
from teed_protocol.fields import Parameter, Parameters


@dataclass(frozen=True, slots=True)
class Version:
    """``TEE_IOC_VERSION``: which TEE this is and what it can do."""

    impl_id: int
    impl_caps: int
    gen_caps: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a process is: its effective user and group, and its supplementary groups."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    def is_member(self, group: int) -> bool:
        return group == self.gid or group in self.groups


@dataclass(frozen=True, slots=True)
class Opening:
    """What ``TEE_IOC_OPEN_SESSION`` takes; ``group`` is for the GROUP logins."""

    uuid: bytes
    login: int
    group: int | None
    caller: Credentials
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Answer:
    """What the TEE said: ``ret``, ``ret_origin`` and the parameters as they came back.

    ``session`` is the number of the session that an opening made, 0 where it made none.
    """

    result: int
    origin: int
    parameters: Sequence[Parameter]
    session: int = 0

    @property
    def is_dead(self) -> bool:
        """Whether the application has panicked: TARGET_DEAD, from the TEE itself."""
        return self.result == Result.ERROR_TARGET_DEAD and self.origin == Origin.TEE


class Native(NamedTuple):
    """An invocation in C, by its address: ``int f(void *context, struct teed_invoke *call)``.

    It returns 0, or -errno when the driver refuses; ``call.h`` has the structure.
    """

    function: int
    context: int


class SharedMemory(Protocol):
    """Memory that both worlds see, for as long as it is not closed.

    ``id`` is what a memory reference names in ``c``.  ``fd`` is a descriptor that can be
    mapped: the driver's own for allocated memory, the memfd for registered memory.
    """

    id: int
    size: int
    fd: int

    def close(self) -> None:
        """Give it back; a call that is using it keeps it until it returns."""


class Driver(Protocol):
    """One TEE context: an open ``/dev/teeN``, or the emulator's likeness of one.

    The data plane invokes through ``native`` where there is one, else through ``invoke``.
    """

    name: str
    version: Version

    @property
    def native(self) -> Native | None:
        """The invocation in C, where there is one."""

    def allocate(self, size: int) -> SharedMemory:
        """``TEE_IOC_SHM_ALLOC``: memory of the driver's own, at least *size* bytes."""

    def register(self, memfd: int, size: int) -> SharedMemory:
        """``TEE_IOC_SHM_REGISTER``: the first *size* bytes of a memfd, which becomes ours.

        The descriptor is taken over: it is closed with the memory, and at once on error.
        """

    def open_session(self, opening: Opening) -> Answer:
        """``TEE_IOC_OPEN_SESSION``, seen by the TEE as made by ``opening.caller``."""

    def invoke(
        self, session: int, command: int, parameters: Parameters, cancel_id: int
    ) -> Answer:
        """``TEE_IOC_INVOKE``; memory references carry SharedMemory ids in ``c``."""

    def cancel(self, session: int, cancel_id: int) -> None:
        """``TEE_IOC_CANCEL``: ask the session to stop what it is doing."""

    def close_session(self, session: int) -> None:
        """``TEE_IOC_CLOSE_SESSION``: waits for what still runs in it."""

    def close(self) -> None:
        """Close the context, and with it every session and all memory."""
