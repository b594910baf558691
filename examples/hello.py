"""The smallest client: one session, one command, one value in and out."""

from teed_client import Context, Value

HELLO_WORLD = "8aaaf200-2450-11e4-abe2-0002a5d5c51b"

with Context() as context, context.open_session(HELLO_WORLD) as session:
    value = Value(41)
    session.invoke(0, value)  # command 0 increments
    print(f"the trusted application says {value.a}")
