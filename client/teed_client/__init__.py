"""The client of teed, which speaks to trusted applications for those who may not.

    from teed_client import INPUT, OUTPUT, Context, Temporary, Value

    with Context() as context, context.open_session(UUID) as session:
        number = Value(41)
        session.invoke(0, number)
        assert number.a == 42

        answer = Temporary(bytearray(100), OUTPUT)
        session.invoke(3, Temporary(b"question", INPUT), answer)
        print(bytes(answer.data[: answer.size]))

The names and the rules are those of the GlobalPlatform TEE Client API, in Python's manner:
what fails raises TeeError.  This is the blocking client, for threads; ``teed_client.trio``
is the same for trio.
"""

from teed_client.blocking.cancellation import Cancellation
from teed_client.blocking.context import Buffer, Context
from teed_client.blocking.session import Session
from teed_client.errors import Disconnected
from teed_client.memory import Direction, sealed_memfd
from teed_client.operation import Partial, Temporary, Value, Whole
from teed_client.parameter import Parameter
from teed_protocol.codes import Capability, Login, Origin, Result
from teed_protocol.errors import TeedError, TeeError

INPUT, OUTPUT, INOUT = Direction.INPUT, Direction.OUTPUT, Direction.INOUT

__all__ = [
    "INOUT",
    "INPUT",
    "OUTPUT",
    "Buffer",
    "Cancellation",
    "Capability",
    "Context",
    "Direction",
    "Disconnected",
    "Login",
    "Origin",
    "Parameter",
    "Partial",
    "Result",
    "Session",
    "TeeError",
    "TeedError",
    "Temporary",
    "Value",
    "Whole",
    "sealed_memfd",
]
