"""The configuration: a TOML file, checked to the last key."""

import grp
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from teed.accounts import Limits
from teed_protocol.codes import Capability
from teed_protocol.errors import TeedError

T = TypeVar("T")

ARENA_BYTES = 65536
"""The size that clients are told to take for temporary references; it is in stock."""


class ConfigError(TeedError):
    """The configuration is wrong; the text names the place."""


@dataclass(frozen=True, slots=True)
class Socket:
    """Where clients connect, when systemd does not hand the socket over."""

    path: str = "/run/teed/teed.sock"
    mode: int = 0o660
    group: str = ""


@dataclass(frozen=True, slots=True)
class Tee:
    """Which TEE, and how much of it.

    ``implementation`` is the number that the kernel gives it, 0 for any: 1 is OP-TEE, 2 is
    AMD-TEE.  ``secure_threads`` is OP-TEE's CFG_NUM_THREADS: one of them is left free for
    cancellation and close, and lent meanwhile to calls that are known to be brief.

    ``register_memory`` and ``null_references`` say that the TEE may be asked for these where
    it has them; without the first, all memory is the driver's own (TEE_IOC_SHM_ALLOC).  The
    noop TEE does not look at them.
    """

    driver: str = "linux"
    device: str = ""
    implementation: int = 0
    secure_threads: int = 2
    register_memory: bool = True
    null_references: bool = True

    @property
    def crew(self) -> int:
        """How many calls that may take long run at once."""
        return max(self.secure_threads - 1, 1)

    @property
    def spare(self) -> int:
        """How many more may that are known to be brief."""
        return self.secure_threads - self.crew

    @property
    def renounced(self) -> Capability:
        """What is not made use of, whether the TEE has it or not."""
        memory = Capability(0) if self.register_memory else Capability.REG_MEM
        null = Capability(0) if self.null_references else Capability.MEMREF_NULL
        return memory | null


@dataclass(frozen=True, slots=True)
class Emulator:
    """How much the emulated TEE holds, and where its applications store things.

    An empty ``state`` is systemd's $STATE_DIRECTORY, or else one that lasts as long as teed.
    """

    sessions: int = 50
    state: str = ""


@dataclass(frozen=True, slots=True)
class Stocked:
    """How many fresh buffers of which size in bytes wait on the shelf."""

    small: int = 4
    arena: int = 4

    def by_size(self) -> dict[int, int]:
        return {4096: self.small, ARENA_BYTES: self.arena}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see the state of the whole daemon, beside root and the daemon's own user."""

    admin_group: str = ""

    def admin_gid(self) -> int | None:
        return group_id(self.admin_group) if self.admin_group else None


@dataclass(frozen=True, slots=True)
class Config:
    """All of it, with the defaults that hold where the file says nothing."""

    socket: Socket = field(default_factory=Socket)
    tee: Tee = field(default_factory=Tee)
    emulator: Emulator = field(default_factory=Emulator)
    limits: Limits = field(default_factory=Limits)
    stock: Stocked = field(default_factory=Stocked)
    access: Access = field(default_factory=Access)


DRIVERS = ("linux", "emulator", "auto", "noop")


def load(path: Path) -> Config:
    """Read the file; ConfigError says what in it is wrong."""
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as why:
        raise ConfigError(f"{path}: {why.strerror}") from why
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as why:
        raise ConfigError(f"{path}: {why}") from why
    try:
        return parse(tables)
    except ConfigError as why:
        raise ConfigError(f"{path}: {why}") from None


def parse(tables: Mapping[str, Any]) -> Config:
    """The configuration in these tables; a key that is not known is an error."""
    sections = {each.name: each.default_factory for each in fields(Config)}
    for name in tables:
        if name not in sections:
            raise ConfigError(f"there is no section [{name}]; there are {_list(sections)}")
    config = Config(
        **{name: _section(name, kind, tables.get(name, {})) for name, kind in sections.items()}
    )
    _check(config)
    return config


def group_id(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"there is no group {name!r} on this system") from None


def _section(section: str, kind: Any, table: Any) -> Any:
    if not isinstance(table, dict):
        raise ConfigError(f"{section} is a table: write [{section}]")
    known = {each.name: type(each.default) for each in fields(kind)}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"[{section}] has no key {key!r}; it has {_list(known)}")
        if type(value) is not known[key]:
            raise ConfigError(f"[{section}] {key} is {_WORDS[known[key]]}, not {value!r}")
        if type(value) is int:
            _check_number(section, key, value)
        if type(value) is str and "\0" in value:
            raise ConfigError(f"[{section}] {key} has a NUL character in it")
    return kind(**table)


_WORDS = {int: "a whole number", str: "a text", bool: "true or false"}

_MOST = {"mode": 0o777, "secure_threads": 64, "bytes": 2**63 - 1}
_MOST_OF_THE_OTHERS = 2**32 - 1


def _check_number(section: str, key: str, value: int) -> None:
    if value < 0:
        raise ConfigError(f"[{section}] {key} cannot be negative")
    most = _MOST.get(key, _MOST_OF_THE_OTHERS)
    if value > most:
        said = oct if key == "mode" else str
        raise ConfigError(f"[{section}] {key} is {said(most)} at the most, not {said(value)}")


def _check(config: Config) -> None:
    if config.tee.driver not in DRIVERS:
        raise ConfigError(f"[tee] driver is one of {_list(DRIVERS)}, not {config.tee.driver!r}")
    if config.tee.secure_threads < 1:
        raise ConfigError("[tee] secure_threads is 1 at the least")
    if not config.socket.path.startswith("/"):
        raise ConfigError(f"[socket] path is absolute, unlike {config.socket.path!r}")
    if config.emulator.state and not config.emulator.state.startswith("/"):
        raise ConfigError(f"[emulator] state is absolute, unlike {config.emulator.state!r}")
    for key, group in (
        ("[socket] group", config.socket.group),
        ("[access] admin_group", config.access.admin_group),
    ):
        if group:
            _check_group(key, group)


def _check_group(key: str, group: str) -> None:
    try:
        group_id(group)
    except ConfigError as why:
        raise ConfigError(f"{key}: {why}") from None


def _list(names: Any) -> str:
    return ", ".join(names)
