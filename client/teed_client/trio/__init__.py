"""The client for trio: the same calls as ``teed_client``, awaited.

    from teed_client import INPUT, OUTPUT, Temporary, Value
    from teed_client.trio import open_context

    async with open_context() as context, await context.open_session(UUID) as session:
        number = Value(41)
        await session.invoke(0, number)

Parameters, errors and numbers are those of ``teed_client``.  Any number of tasks may use one
context and its sessions.  There is no Cancellation here: cancel scopes do that.  A call that
is cancelled is withdrawn, or the TEE is asked to stop it, and since it uses memory of this
process until it has ended, its end is waited for before Cancelled goes on its way.
"""

from teed_client.trio.context import Buffer, Context, open_context
from teed_client.trio.session import Session

__all__ = ["Buffer", "Context", "Session", "open_context"]
