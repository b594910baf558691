"""Where the core calls Python: on a worker's thread, which takes the GIL for it.

Nothing here is on the plain path but the invocation of a driver that is not native.  A bug
of ours in here is reported to the crew, never survived in silence; the core goes on with
what the callback's *failed* says, so that the daemon can come to its end.
"""

import functools
from collections.abc import Callable
from typing import Any

from teed.channels import invocation
from teed.channels._core import ffi, lib
from teed_protocol.errors import RemoteProtocolError
from teed_protocol.fields import Parameter

_EIO = 5


def _callback(*, failed: int | None) -> Callable[[Callable[..., Any]], None]:
    """The C function ``teed_py_NAME`` of the function ``_NAME``, whose crew comes first."""

    def define(call: Callable[..., Any]) -> None:
        @functools.wraps(call)
        def guarded(handle: Any, *arguments: Any) -> Any:
            crew = ffi.from_handle(handle)()
            try:
                return call(crew, *arguments)
            except BaseException as bug:
                crew.on_crash(bug)
                return failed

        ffi.def_extern(f"teed_py{call.__name__}")(guarded)

    return define


@_callback(failed=-_EIO)
def _invoke(crew: Any, call: Any) -> int:
    """The invocation of a driver that has no native one."""
    arg, params = call.arg, call.params[0 : call.arg.num_params]
    given = tuple(Parameter(each.attr, each.a, each.b, each.c) for each in params)
    try:
        answer = crew.driver.invoke(arg.session, arg.func, given, arg.cancel_id)
    except OSError as refused:
        return -(refused.errno or _EIO)
    for param, got in zip(params, answer.parameters, strict=True):
        param.attr, param.a, param.b, param.c = got
    arg.ret, arg.ret_origin = answer.result, answer.origin
    return 0


@_callback(failed=0)
def _refuse(crew: Any, request: int, why: Any, answer: Any) -> int:
    return _write(invocation.refuse(request, invocation.error_of(why)), answer)


@_callback(failed=0)
def _judge(crew: Any, channel: Any, size: int, unwanted: int, body: Any) -> int:
    try:
        answer = invocation.judge(bytes(ffi.buffer(body, size)), unwanted)
    except RemoteProtocolError as broken:
        ffi.from_handle(channel)().misdeed = str(broken)
        return 0
    return _write(answer, body)


@_callback(failed=None)
def _destroy(crew: Any, table: Any, number: int) -> None:
    ffi.from_handle(table)().destroy(number)


@_callback(failed=None)
def _run(crew: Any, errand: Any) -> None:
    crew.run(ffi.from_handle(errand)())


@_callback(failed=None)
def _probe(crew: Any, moment: int) -> None:
    crew.probes[moment]()


def _write(body: bytes, place: Any) -> int:
    ffi.memmove(place, body, len(body))
    return len(body)


INVOKE, REFUSE, JUDGE = lib.teed_py_invoke, lib.teed_py_refuse, lib.teed_py_judge
DESTROY, RUN, PROBE = lib.teed_py_destroy, lib.teed_py_run, lib.teed_py_probe
