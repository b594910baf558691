"""Through the service: the application sees the client's own user and group."""

import os
import uuid

from teed_client import Context, Direction, Login, Session, Temporary, Value

TEED_TEST = "0f5e0cc6-903f-4a0d-a4ef-c58751591d94"
IDENTITY = 8
TEE_NAMESPACE = uuid.UUID("58ac9ca0-2086-4683-a1b8-ec4bc08e01b6")


def seen(session: Session) -> uuid.UUID:
    octets = bytearray(16)
    login = Value(direction=Direction.OUTPUT)
    session.invoke(IDENTITY, Temporary(octets, Direction.OUTPUT), login)
    return uuid.UUID(bytes=bytes(octets))


def test_the_application_sees_me() -> None:
    with Context() as context, context.open_session(TEED_TEST, login=Login.USER) as session:
        assert seen(session) == uuid.uuid5(TEE_NAMESPACE, f"uid={os.geteuid():x}")


def test_the_application_sees_my_groups() -> None:
    with Context() as context:
        for group in {os.getegid(), *os.getgroups()}:
            with context.open_session(TEED_TEST, login=Login.GROUP, group=group) as session:
                assert seen(session) == uuid.uuid5(TEE_NAMESPACE, f"gid={group:x}")
