"""Which process this is: after a fork, the child leaves its parent's connections alone.

It closes what it has of them, or teed would not notice the end of the parent before that of
the child: a connection lives as long as somebody has a descriptor of it.

Asking the kernel (``getpid``) at every call would cost a system call beside the two that a
call needs, so a fork is noted when it happens.
"""

import os
from typing import Protocol
from weakref import WeakSet


class Process:
    """A process as those see it who were made in it."""

    __slots__ = ("here",)

    def __init__(self) -> None:
        self.here = True


class Closable(Protocol):
    """What owns a descriptor, and may be closed more than once."""

    def close(self) -> None: ...


_this = Process()
_ours: WeakSet[Closable] = WeakSet()


def this_process() -> Process:
    """The one that calls; its ``here`` is False in the children that it forks."""
    return _this


def close_in_children(each: Closable) -> None:
    """Close this in the children that are forked from here on, and only there."""
    _ours.add(each)


def _after_fork_in_child() -> None:
    global _this
    _this.here = False
    _this = Process()
    while _ours:
        _ours.pop().close()


os.register_at_fork(after_in_child=_after_fork_in_child)
