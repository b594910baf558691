"""What the core leaves to Python: words for a refusal, and whatever is no invocation."""

import logging
import os
from typing import Any

from teed.channels._core import lib
from teed.driver.refusals import CANCELLED, refusal_of
from teed.memory.buffers import bad_reference
from teed_protocol.calls import Invoke
from teed_protocol.codes import Result
from teed_protocol.errors import RemoteProtocolError, TeeError
from teed_protocol.messages import Request, Response, decode, encode

log = logging.getLogger(__name__)


def refuse(request: int, error: TeeError) -> bytes:
    """The answer to a request that did not reach the TEE."""
    return encode(Response(request, error.refusal, None))


def error_of(fault: Any) -> TeeError:
    """The error of a ``struct teed_fault``."""
    if fault.kind == lib.TEED_CANCELLED:
        return CANCELLED
    if fault.kind == lib.TEED_DRIVER:
        return refusal_of(OSError(fault.error, os.strerror(fault.error)))
    return bad_reference(fault)


def judge(body: bytes, unwanted: int) -> bytes:
    """Answer a message that is no invocation; RemoteProtocolError when it is no request.

    The request *unwanted* was withdrawn while the message was read.
    """
    message = decode(body)
    if not isinstance(message, Request):
        raise RemoteProtocolError("a channel takes requests")
    if message.method == Invoke.METHOD:
        Invoke.from_wire(message.params)
        log.error("the core does not understand this invocation: %s", body.hex())
        raise RemoteProtocolError("not an invocation that teed understands")
    if message.id == unwanted:
        return refuse(message.id, CANCELLED)
    text = f"a channel does not know the method {message.method[:64]!r}"
    unknown = TeeError.refused(Result.ERROR_NOT_IMPLEMENTED, "unknown-method", text)
    return refuse(message.id, unknown)
