"""The smallest trusted application there is, with the interface of OP-TEE's example."""

from uuid import UUID

from teed.driver.emulator.application import TrustedApplication, Value, command
from teed.driver.emulator.session import Session
from teed_protocol.codes import Attribute


class HelloWorld(TrustedApplication):
    """Counts a client's number up and down."""

    uuid = UUID("8aaaf200-2450-11e4-abe2-0002a5d5c51b")

    @command(0, Attribute.VALUE_INOUT)
    def increment(self, session: Session, number: Value) -> None:
        number.a += 1

    @command(1, Attribute.VALUE_INOUT)
    def decrement(self, session: Session, number: Value) -> None:
        number.a -= 1
