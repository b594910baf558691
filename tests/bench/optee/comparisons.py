"""What is compared on the real OP-TEE: the groups, and which of their rows have a goal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from measuring import calls
from programs import FLOOR, STOCK, TEED, Crowd, Program
from rounds import Group, Ratio, Samples

_LONG_MS = 3000
_CROWD_MS = 2000


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound for one ratio, or one time in milliseconds, of a group."""

    number: int | None
    words: str
    bound: float
    group: str
    of: Callable[[Samples], float]


def _pair(title: str, kind: str, laps: int, second: str = "") -> list[Program]:
    """The same laps with both libraries; the warm ones are a tenth more."""
    command = ("timed", kind, str(calls(laps) // 10 + 1), str(calls(laps)))
    return [Program(side, title, command, second) for side in (STOCK, TEED)]


def _against_stock(title: str, of: str = "p50", what: str = "") -> Ratio:
    name = f"{what or title}, teed / stock"
    return Ratio(name, f"{TEED}: {title}", f"{STOCK}: {title}", of)


# -- calls in an open session -------------------------------------------------------------

_EMPTY = "empty call"
_VALUES = "values"
_TEMPORARY = "4 KiB temporary reference"
_REGISTERED = "1 MiB registered, whole"
_ALLOCATED = "1 MiB allocated, whole"


_HAND_OVER = "a message there and back"


def _calls() -> Sequence[Program]:
    laps = calls(200)
    return [
        Program(FLOOR, _HAND_OVER, ("floor", str(laps // 10 + 1), str(laps))),
        *_pair(_EMPTY, "empty", 200),
        *_pair(_VALUES, "values", 200),
        *_pair(_TEMPORARY, "temporary", 100),
        *_pair(_REGISTERED, "registered", 50),
        *_pair(_ALLOCATED, "allocated", 50),
    ]


def _with_floor(samples: Samples, title: str) -> float:
    """What the call would take through a broker that only hands it on."""
    return samples[f"{STOCK}: {title}"].p50 + samples[f"{FLOOR}: {_HAND_OVER}"].p50


def teed_over_stock_and_floor(samples: Samples) -> float:
    return samples[f"{TEED}: {_EMPTY}"].p50 / _with_floor(samples, _EMPTY)


def stock_and_floor_over_stock(samples: Samples) -> float:
    """The least that an empty call can take through any other process."""
    return _with_floor(samples, _EMPTY) / samples[f"{STOCK}: {_EMPTY}"].p50


def empty_and_floor_over_stock_with_a_temporary_reference(samples: Samples) -> float:
    """The least that goal 10 can be: a call through another process, without registering."""
    return _with_floor(samples, _EMPTY) / samples[f"{STOCK}: {_TEMPORARY}"].p50


CALLS = Group(
    "optee_calls",
    "one client, one call after the other",
    _calls,
    [
        *map(_against_stock, (_EMPTY, _VALUES, _TEMPORARY, _REGISTERED, _ALLOCATED)),
        teed_over_stock_and_floor,
        stock_and_floor_over_stock,
        empty_and_floor_over_stock_with_a_temporary_reference,
    ],
    "floor: two processes that hand each other a message and do nothing for it, as no broker "
    "can do without. QEMU emulates the processor, and a change from one process to another is "
    "dear there.",
)

# -- sessions -----------------------------------------------------------------------------

_COLD = "open, application not loaded"
_BIG = "open, one of 378 kB, not loaded"
_LOADED = "open, application loaded"
_ATTACH = "attach to a shared session"
_ATTACH_TO_COLD = Ratio(
    "attach / open with stock, not loaded", f"{TEED}: {_ATTACH}", f"{STOCK}: {_COLD}", "p50"
)
_ATTACH_TO_BIG = Ratio(
    "attach / open one of 378 kB with stock", f"{TEED}: {_ATTACH}", f"{STOCK}: {_BIG}", "p50"
)
_ATTACH_TO_LOADED = Ratio(
    "attach / open with stock, loaded", f"{TEED}: {_ATTACH}", f"{STOCK}: {_LOADED}", "p50"
)


def _sessions() -> Sequence[Program]:
    laps = calls(20)
    attach = ("attach", str(laps // 10 + 1), str(laps))
    return [
        *_pair(_COLD, "cold", 4, "close"),
        *_pair(_BIG, "big", 4, "close"),
        *_pair(_LOADED, "kept", 20, "close"),
        Program(TEED, _ATTACH, attach, "close"),
    ]


SESSIONS = Group(
    "optee_sessions",
    "opening a session and closing it",
    _sessions,
    [
        _against_stock(_COLD),
        _against_stock(_COLD, "close", "close, application not kept"),
        _against_stock(_LOADED),
        _against_stock(_LOADED, "close", "close, application kept"),
        _ATTACH_TO_BIG,
        _ATTACH_TO_COLD,
        _ATTACH_TO_LOADED,
    ],
)

# -- memory -------------------------------------------------------------------------------

_ALLOCATE = "allocate 4 KiB"
_TIGHT = "allocate 4 KiB, without a pause"


def _memory() -> Sequence[Program]:
    return [
        *_pair(_ALLOCATE, "allocate", 20, "release"),
        *_pair(_TIGHT, "allocate-tight", 20, "release"),
    ]


MEMORY = Group(
    "optee_memory",
    "allocating shared memory and releasing it",
    _memory,
    [
        _against_stock(_ALLOCATE),
        _against_stock(_ALLOCATE, "release", "release 4 KiB"),
        _against_stock(_TIGHT),
        _against_stock(_TIGHT, "release", "release 4 KiB, without a pause"),
    ],
)

# -- several processes --------------------------------------------------------------------

_CROWDS = {number: f"{number} processes" for number in (2, 8)}


def _crowds() -> Sequence[Program]:
    return [
        Crowd(side, title, ("crowd", str(number), str(_CROWD_MS)))
        for number, title in _CROWDS.items()
        for side in (STOCK, TEED)
    ]


CROWDS = Group(
    "optee_crowds",
    "empty calls of several processes at once, each with a session of its own",
    _crowds,
    [_against_stock(title, "rate") for title in _CROWDS.values()],
)

# -- what stalls --------------------------------------------------------------------------

_BESIDE = "empty call beside a stalled session"
_CANCEL = "cancel, two long calls"
_DECEIVED = "cancel, two long calls of a brief command"
_ENDED = "until it has ended"


def _stalls() -> Sequence[Program]:
    kinds = (("call", _BESIDE, "long call"), ("cancel", _CANCEL, _ENDED))
    kinds += (("deceived", _DECEIVED, _ENDED),)
    return [
        Program(side, title, ("stalls", kind, str(_LONG_MS)), second)
        for kind, title, second in kinds
        for side in (STOCK, TEED)
    ]


def empty_call_beside_a_stalled_session_ms(samples: Samples) -> float:
    return samples[f"{TEED}: {_BESIDE}"].p50 / 1000


def cancel_returns_ms(samples: Samples) -> float:
    return samples[f"{TEED}: {_CANCEL}"].p50 / 1000


def cancelled_call_has_ended_ms(samples: Samples) -> float:
    return samples[f"{TEED}: {_CANCEL}"].figure(_ENDED) / 1000


STALLS = Group(
    "optee_stalls",
    "what long calls do to others, in microseconds",
    _stalls,
    [
        empty_call_beside_a_stalled_session_ms,
        cancel_returns_ms,
        cancelled_call_has_ended_ms,
    ],
)

GROUPS = {group.name: group for group in (CALLS, SESSIONS, MEMORY, CROWDS, STALLS)}

GOALS = (
    Goal(9, "empty call, teed / stock", 1.25, CALLS.name, _against_stock(_EMPTY)),
    Goal(
        10,
        "call with a 4 KiB temporary reference, teed / stock",
        0.5,
        CALLS.name,
        _against_stock(_TEMPORARY),
    ),
    Goal(
        11,
        "attach / opening one of 378 kB with stock",
        0.02,
        SESSIONS.name,
        _ATTACH_TO_BIG,
    ),
    Goal(
        11,
        "the same with one of 70 kB, the tests' own",
        0.02,
        SESSIONS.name,
        _ATTACH_TO_COLD,
    ),
    Goal(12, "allocate 4 KiB, teed / stock", 0.5, MEMORY.name, _against_stock(_ALLOCATE)),
    Goal(
        None,
        "empty call beside a stalled session, through teed, ms",
        20,
        STALLS.name,
        empty_call_beside_a_stalled_session_ms,
    ),
    Goal(
        None,
        "cancel while two long calls are made, through teed, until it has ended, ms",
        50,
        STALLS.name,
        cancelled_call_has_ended_ms,
    ),
)
