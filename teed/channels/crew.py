"""The crew: a few threads that take invocations from the channels and run them.

They live in the core, a piece of C that needs no Python for a plain invocation; the theory
of operation is at the head of ``core/crew.c``.  Here is what the control plane says to
them, and where it hears their news.
"""

import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio

from teed.channels import callbacks, invocation
from teed.channels._core import ffi, lib
from teed.channels.work import Channel, Errand
from teed.driver.interface import Driver
from teed.driver.refusals import CANCELLED

BRIEF_SECONDS = 0.01
"""A call that takes longer than this is not brief."""

_MISDEEDS = {
    lib.TEED_UNREAD: "answers are not read",
    lib.TEED_SENT_RIGHTS: "a channel takes no descriptors",
}
_INVOKE = "int(*)(void *, struct teed_invoke *)"

_manned: set["Crew"] = set()
"""Crews with workers, even where these are all that still knows of them."""


class Crew:
    """Runs calls until it is stopped: *size* that may take long, *spare* more brief ones.

    A call is known to be brief when its command took *brief* seconds at the most of late.

    Its methods may be called from any thread, ``retire`` from the one that hears the news,
    and wait for nothing but ``stop``.
    """

    def __init__(
        self,
        driver: Driver,
        size: int,
        on_crash: Callable[[BaseException], None],
        spare: int = 0,
        brief: float = BRIEF_SECONDS,
    ) -> None:
        self.driver = driver
        self.on_crash = on_crash
        self.probes: tuple[Callable[[], object], ...] = ()
        self._known: set[Channel | Errand] = set()
        self._handle = ffi.new_handle(weakref.ref(self))
        core = lib.teed_crew_new(self._operations(), size, spare, int(brief * 1e9))
        if core == ffi.NULL:
            raise OSError(ffi.errno, os.strerror(ffi.errno))
        self._core = ffi.gc(core, lib.teed_crew_free)

    def _operations(self) -> Any:
        native = self.driver.native
        return ffi.new(
            "struct teed_ops *",
            {
                "invoke": ffi.cast(_INVOKE, native.function) if native else callbacks.INVOKE,
                "context": ffi.cast("void *", native.context) if native else self._handle,
                "refuse": callbacks.REFUSE,
                "judge": callbacks.JUDGE,
                "destroy": callbacks.DESTROY,
                "run": callbacks.RUN,
                "crew": self._handle,
            },
        )

    def start(self) -> None:
        _manned.add(self)
        _succeed(lib.teed_crew_start(self._core))

    def stop(self, timeout: float) -> bool:
        """End the workers; False when one is still inside the TEE after *timeout* seconds."""
        if not lib.teed_crew_stop(self._core, int(timeout * 1000)):
            return False
        _manned.discard(self)
        return True

    @property
    def invocations(self) -> int:
        """Commands run since the start."""
        return int(lib.teed_crew_invocations(self._core))

    def look_in(self, *moments: Callable[[], object]) -> None:
        """For tests: be called when a request has been read, and when it will be answered."""
        self.probes = moments
        lib.teed_probe(self._core, callbacks.PROBE)

    # -- what the control plane asks for ---------------------------------------------------

    def enlist(self, channel: Channel) -> None:
        """Serve this channel from now on."""
        self._known.add(channel)
        _succeed(lib.teed_enlist(self._core, channel.core))

    def retire(self, channel: Channel, on_idle: Callable[[], None]) -> int | None:
        """Serve this channel no more; *on_idle* is called when no worker has it in hand.

        That is at once, or by whoever hears the news.  Returns the id of the request that runs
        in the TEE for it, if one does.
        """
        channel.on_idle = on_idle
        request = int(lib.teed_retire(self._core, channel.core))
        if request == lib.TEED_IS_IDLE:
            self._idle(channel)
        return None if request < 0 else request

    def submit(self, errand: Errand) -> None:
        """Run this errand in its owner's turn."""
        self._known.add(errand)
        lib.teed_submit(self._core, errand.core)

    def withdraw(self, errand: Errand) -> bool:
        """Take back an errand; False when a worker has it already."""
        withdrawn = bool(lib.teed_withdraw(self._core, errand.core))
        if withdrawn:
            self._known.discard(errand)
        return withdrawn

    def withdraw_request(self, channel: Channel, request: int) -> bool:
        """Answer a request that has not entered the TEE with CANCEL; False if there is none."""
        refusal = invocation.refuse(request, CANCELLED)
        return bool(
            lib.teed_withdraw_request(self._core, channel.core, request, refusal, len(refusal))
        )

    @contextmanager
    def holding(self, channel: Channel, request: int | None) -> Iterator[int | None]:
        """The number of the session in which this request runs, held to that call.

        Inside the ``with`` the session is not passed on to another call, so a cancellation
        sent there hits this request or nobody.  None when the request does not run.
        """
        held = -1
        if request is not None:
            held = int(lib.teed_hold(self._core, channel.core, request))
        try:
            yield None if held < 0 else held
        finally:
            if held >= 0:
                lib.teed_let_go(self._core, channel.core)

    # -- what it has to say ----------------------------------------------------------------

    async def listen(self) -> None:
        """Pass on the news as they come, until cancelled."""
        while True:
            await trio.lowlevel.wait_readable(self.news)
            self.hear()

    @property
    def news(self) -> int:
        """A descriptor that is readable when there are news to ``hear``."""
        return int(lib.teed_news_fd(self._core))

    def hear(self) -> None:
        """Pass on what became of channels, on the thread that calls."""
        what = ffi.new("int *")
        while (handle := lib.teed_hear(self._core, what)) != ffi.NULL:
            channel: Channel = ffi.from_handle(handle)()
            if what[0] & lib.TEED_NEWS_LOST:
                why = _MISDEEDS.get(channel.core.lost, channel.misdeed)
                channel.listener.channel_lost(channel, why, self._take_rights(channel))
            if what[0] & lib.TEED_NEWS_IDLE:
                self._idle(channel)

    def _idle(self, channel: Channel) -> None:
        self._known.discard(channel)
        if channel.on_idle is not None:
            channel.on_idle()

    def _take_rights(self, channel: Channel) -> list[int]:
        fds = ffi.new("int[]", lib.TEED_MOST_FDS)
        return list(fds[0 : lib.teed_take_rights(self._core, channel.core, fds)])

    def run(self, errand: Errand) -> None:
        """A worker has come to this errand."""
        self._known.discard(errand)
        errand.run()


def _succeed(result: int) -> None:
    if result < 0:
        raise OSError(-result, os.strerror(-result))
