"""What the blocking and the trio client have in common: everything but the waiting."""

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from teed_client.answer import Answer
from teed_client.arena import Arena
from teed_client.conversation import Conversation
from teed_client.errors import forked, no_descriptor
from teed_client.given import expect, number, octets, text
from teed_client.memory import mapped
from teed_client.process import this_process
from teed_protocol.calls import BufferMade, Close, Hello, Open, Opened, Release, Welcome
from teed_protocol.codes import Capability, Result
from teed_protocol.errors import RemoteProtocolError, TeeError
from teed_protocol.fields import Parameter
from teed_protocol.messages import VERSION

if TYPE_CHECKING:
    from uuid import UUID

    from teed_client.invocation import Operation

NewMemory = tuple[int, memoryview]
"""The number of a buffer, and its bytes."""


class Client:
    """One connection: who made it, what teed said of itself, and the arena."""

    def __init__(self) -> None:
        self.process = this_process()
        self.conversation = Conversation()
        self.arena = Arena(0)
        self.welcome = Welcome(VERSION, "", "", 0, 0, 0, 0)
        self.null_references = False

    def check_process(self) -> None:
        """TeeError in a child of the process that connected: the connection is not its own."""
        if not self.process.here:
            raise forked()

    @property
    def is_ours(self) -> bool:
        return self.process.here

    def greeted(self, answer: Answer) -> None:
        """hello was answered; TeeError when teed does not want us."""
        welcome: Welcome = answer.result
        if welcome.version != VERSION:
            raise RemoteProtocolError(f"version {welcome.version} was not offered")
        self.welcome = welcome
        self.arena = Arena(welcome.arena)
        self.null_references = bool(welcome.gen_caps & Capability.MEMREF_NULL)

    def memory(self, answer: Answer, size: int, memfd: int | None = None) -> NewMemory:
        """The buffer of *size* bytes that teed has just made.

        *memfd* is the application's own that was registered, and stays its own.
        """
        made: BufferMade = answer.result
        descriptor = answer.take_descriptor()
        try:
            behind = descriptor if memfd is None else memfd
            if behind is None:
                raise no_descriptor("a buffer")
            return made.buffer, mapped(behind, made.size)[:size]
        except BaseException:
            self.conversation.later(Release(made.buffer))
            raise
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def release_later(self, number: int) -> None:
        """Nobody has this buffer any more; safe at any time, in a garbage collection too."""
        self.conversation.later(Release(number))

    def opened(self, answer: Answer, operation: "Operation") -> tuple[int, int]:
        """The number of a new session and its channel; TeeError when there is none."""
        try:
            opened: Opened = answer.result
            operation.receive(opened.parameters)
            if opened.result != Result.SUCCESS:
                raise TeeError(opened.result, opened.origin)
            if opened.session is None:
                raise RemoteProtocolError("a session without a number")
            channel = answer.take_descriptor()
            if channel is None:
                self.conversation.later(Close(opened.session))
                raise no_descriptor("a session")
            return opened.session, channel
        finally:
            answer.discard()


class Described:
    """What the contexts of both halves tell of the other side."""

    _client: Client

    @property
    def welcome(self) -> Welcome:
        """All that teed said of itself and of the TEE."""
        return self._client.welcome

    @property
    def driver(self) -> str:
        """``linux``, or ``emulator``, which is not secure."""
        return self.welcome.driver

    @property
    def capabilities(self) -> Capability:
        """What the TEE can do."""
        return Capability(self.welcome.gen_caps)

    @property
    def version(self) -> int:
        """The version of the protocol that is spoken."""
        return self.welcome.version


def hello(name: str | None) -> Hello:
    """The first request; *name* is for teed's log, by default the program's."""
    program = sys.argv[0] if sys.argv else ""
    name = name or program.rpartition("/")[2] or "python"
    expect("the name of a client is a text", name, str)
    sayable = name.encode(errors="replace").decode()  # a program's may be any bytes
    return Hello((VERSION,), sayable[:64])


def opening(
    uuid: "str | bytes | UUID", login: int, group: int | None, share: str | None
) -> Open:
    """The request for a session, without its parameters; what cannot be said is an error."""
    return Open(
        octets(uuid),
        number("login", login),
        None if group is None else number("group", group),
        (),
        None if share is None else text("share", share),
    )


def with_parameters(call: Open, operation: "Operation") -> Open:
    return replace(call, parameters=tuple(map(Parameter._make, operation.send())))


def counts(answer: Answer) -> dict[str, int]:
    """What ``status`` was answered with."""
    if not isinstance(answer.result, dict):
        raise RemoteProtocolError("a status is a map")
    return answer.result
