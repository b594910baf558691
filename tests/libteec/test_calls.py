"""Good and bad calls of the client API, and what each is answered.

``calls.expected`` is what the stock library prints on a real OP-TEE, for root, and
``calls.allocating`` what is otherwise where no memory can be registered.
"""

import os
import uuid
from pathlib import Path

from .building import Build
from .teed import Daemon

CLIENT_NAMESPACE = uuid.UUID("58ac9ca0-2086-4683-a1b8-ec4bc08e01b6")
"""Linux makes the identities of its clients in it, from ``uid=`` and the number in hex."""


def identity(uid: int) -> str:
    return uuid.uuid5(CLIENT_NAMESPACE, f"uid={uid:x}").hex


ALLOCATING = Path(__file__).with_name("calls.allocating")
EXPECTED = (
    Path(__file__)
    .with_name("calls.expected")
    .read_text()
    .replace(identity(0), identity(os.geteuid()))
    .splitlines()
)


def test_every_call_is_answered_as_by_the_stock_library(
    build: Build, socket_path: Path
) -> None:
    assert build.run("calls", socket=socket_path).splitlines() == EXPECTED


def test_where_memory_cannot_be_registered_too_much_output_is_not_copied(
    plain: Build, tmp_path: Path
) -> None:
    """The stock library copies there as well, and has rules for it; no null is known."""
    with Daemon(tmp_path, rich=False) as daemon:
        answered = plain.run("calls", socket=daemon.socket).splitlines()
    assert len(answered) == len(EXPECTED)
    assert set(answered) - set(EXPECTED) == set(ALLOCATING.read_text().splitlines())
