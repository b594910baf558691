"""The three forms of a message, to and from bytes: MessagePack-RPC, one message a packet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from teed_protocol.errors import LocalProtocolError, Refusal, RemoteProtocolError

VERSION = 1
"""The only version of the protocol that there is."""

MAX_MESSAGE = 65536
"""A message is at most so many bytes; payload travels in shared memory."""

MAX_ID = 2**32 - 1
"""Request ids are 32 bits wide."""

REQUEST, RESPONSE, NOTIFICATION = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Request:
    """``[0, id, method, params]``: asks for one thing; the id pairs the answer with it."""

    id: int
    method: str
    params: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Response:
    """``[1, id, error, result]``: answers one request, with an error or a result."""

    id: int
    error: Refusal | None
    result: Any


@dataclass(frozen=True, slots=True)
class Notification:
    """``[2, method, params]``: tells something, expects no answer."""

    method: str
    params: Sequence[Any]


Message = Request | Response | Notification


def encode(message: Message) -> bytes:
    """The bytes of *message*; LocalProtocolError when they are more than a packet holds."""
    match message:
        case Request(number, method, params):
            fields: list[Any] = [REQUEST, number, method, params]
        case Response(number, None, result):
            fields = [RESPONSE, number, None, result]
        case Response(number, Refusal(code, origin, reason, text), _):
            fields = [RESPONSE, number, [code, origin, reason, text], None]
        case Notification(method, params):
            fields = [NOTIFICATION, method, params]
    body: bytes = msgpack.packb(fields)
    if len(body) > MAX_MESSAGE:
        raise LocalProtocolError(f"a message of {len(body)} bytes, {MAX_MESSAGE} is the most")
    return body


def decode(body: bytes | memoryview) -> Message:
    """The message in *body*; RemoteProtocolError when it is none."""
    match _unpack(body):
        case [bool() | float(), *_]:
            pass  # equal to the number of a form, but not that number
        case [0, int(number), str(method), list(params)] if is_id(number):
            return Request(number, method, params)
        case [1, int(number), None, result] if is_id(number):
            return Response(number, None, result)
        case [1, int(number), [int(code), int(origin), str(reason), str(text)], _] if all(
            map(is_id, (number, code, origin))  # a code and an origin are as wide as an id
        ):
            return Response(number, Refusal(code, origin, reason, text), None)
        case [2, str(method), list(params)]:
            return Notification(method, params)
    raise RemoteProtocolError("not a request, a response or a notification")


def is_id(number: object) -> bool:
    """Whether *number* can be the id of a request: 32 bits, and no boolean."""
    return type(number) is int and 0 <= number <= MAX_ID


def _unpack(body: bytes | memoryview) -> object:
    if len(body) > MAX_MESSAGE:
        raise RemoteProtocolError(f"a message of more than {MAX_MESSAGE} bytes")
    try:
        return msgpack.unpackb(body)
    except (ValueError, msgpack.UnpackException, RecursionError) as broken:
        raise RemoteProtocolError(f"not msgpack ({type(broken).__name__})") from broken
