"""Brokers that people use today: what each adds to a call, and what teed adds to one."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

import processes
from measuring import Sample, Subject, calls
from peers import buses, p11_kit, pcsc, tpm2
from peers.serving import Call
from programs import FloorServer, Nobody, Program, quiet_teed, to_floor, to_nobody, to_teed
from rounds import Group, Samples

TEED_CALLS = 20_000
P11_KIT_CALLS = 8_000
PCSCD_CALLS = 3_000
BUS_CALLS = 4_000
TPM_CALLS = 1_000

DIRECT_BUS = "D-Bus, direct"
FLOOR = "C floor"

Peer = Callable[[Sequence[int]], AbstractContextManager[Call]]


@dataclass
class Called:
    """So many calls of a peer, all of whose processes are on *cpus*."""

    name: str
    peer: Peer
    number: int
    cpus: Sequence[int]
    _until_stop: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        call = self._until_stop.enter_context(self.peer(self.cpus))
        self._command = [*call.command, str(calls(self.number))]
        self._environment = call.environment

    def measure(self) -> Sample:
        return processes.run(self._command, self.cpus, self._environment)

    def stop(self) -> None:
        self._until_stop.close()


def subjects() -> Sequence[Subject]:
    cpus = [processes.one_cpu()]
    load = ("load", 1, calls(TEED_CALLS))
    direct = to_nobody("load", "0:0", *load[1:])
    return [
        Program(FLOOR, FloorServer(cpus), to_floor(*load), cpus),
        Program("teed, direct", Nobody(), direct, cpus),
        Program("teed", quiet_teed(cpus=cpus), to_teed(*load), cpus),
        Called("p11-kit, direct", p11_kit.direct, P11_KIT_CALLS, cpus),
        Called("p11-kit", p11_kit.through, P11_KIT_CALLS, cpus),
        Called("pcscd, direct", pcsc.direct, PCSCD_CALLS, cpus),
        Called("pcscd", pcsc.through, PCSCD_CALLS, cpus),
        Called(DIRECT_BUS, buses.direct, BUS_CALLS, cpus),
        Called("dbus-daemon", buses.through_daemon, BUS_CALLS, cpus),
        Called("dbus-broker", buses.through_broker, BUS_CALLS, cpus),
        Called("tpm2-abrmd, direct", tpm2.direct, TPM_CALLS, cpus),
        Called("tpm2-abrmd", tpm2.through, TPM_CALLS, cpus),
    ]


def added_by(broker: str, samples: Samples) -> float:
    """Microseconds that the usual call takes longer through a broker than without it."""
    direct = DIRECT_BUS if broker.startswith("dbus") else f"{broker}, direct"
    return samples[broker].p50 - samples[direct].p50


def _teed_over(broker: str) -> Callable[[Samples], float]:
    def ratio(samples: Samples) -> float:
        return added_by("teed", samples) / added_by(broker, samples)

    ratio.__name__ = f"teed over {broker}"
    return ratio


def _floor_over(broker: str) -> Callable[[Samples], float]:
    def ratio(samples: Samples) -> float:
        return samples[FLOOR].p50 / added_by(broker, samples)

    ratio.__name__ = f"C floor over {broker}"
    return ratio


BROKERS = ("p11-kit", "pcscd", "dbus-daemon", "dbus-broker", "tpm2-abrmd")


GROUP = Group(
    "peers",
    "brokers, and the same calls without them, everything on one processor",
    subjects,
    [
        *map(_teed_over, BROKERS),
        *map(_floor_over, BROKERS),
    ],
    "The ratios are of the time that each adds: p50 through it less p50 without it. teed: an "
    "empty invocation, and the function that it ends in; p11-kit, tpm2-abrmd: 16 random bytes "
    "of softhsm2, of swtpm; pcscd: a card that says yes; D-Bus: an empty method, over a socket "
    "pair without a bus. Each in C, with the library that its users have. C floor: what a "
    "broker would add that does nothing but answer over a socket.",
)
