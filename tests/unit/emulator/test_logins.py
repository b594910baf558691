"""Who the client is for the application."""

import errno
import os
from collections.abc import Callable
from uuid import UUID

import pytest

from teed.driver.emulator import Emulator
from teed.driver.emulator.application import Seen, TrustedApplication
from teed.driver.emulator.session import Identity, Session
from teed.driver.interface import Credentials, Opening
from teed_protocol.codes import Login

ALICE = Credentials(uid=1000, gid=100, groups=(4, 27))


class Doorman(TrustedApplication):
    """Remembers who came last."""

    uuid = UUID(int=6)
    guest: Identity

    def open_session(self, session: Session, parameters: tuple[Seen, ...]) -> None:
        type(self).guest = session.identity


@pytest.fixture
def tee(emulate: Callable[..., Emulator]) -> Emulator:
    return emulate(Doorman)


def test_a_public_client_is_nobody(tee: Emulator, opened: Callable[..., int]) -> None:
    opened(tee, Doorman, caller=ALICE)

    assert Doorman.guest == (Login.PUBLIC, UUID(int=0))


def test_a_user_is_known_by_the_uuid_that_linux_makes(
    tee: Emulator, opened: Callable[..., int]
) -> None:
    opened(tee, Doorman, login=Login.USER, caller=ALICE)

    assert Doorman.guest == (Login.USER, UUID("fc34275c-d8dd-5ba7-968b-504718363b87"))


@pytest.mark.parametrize(
    ("group", "uuid"),
    [
        (100, "d32f761e-b364-519b-be12-ed54ba663b0a"),
        (27, "30b6f4b2-b509-51da-afb7-5ef7d73dd901"),
    ],
)
def test_a_member_of_a_group_is_known_as_that_group(
    tee: Emulator, opened: Callable[..., int], group: int, uuid: str
) -> None:
    opened(tee, Doorman, login=Login.GROUP, group=group, caller=ALICE)

    assert Doorman.guest == (Login.GROUP, UUID(uuid))


@pytest.mark.parametrize(
    ("login", "number"),
    [
        (Login.GROUP, errno.EPERM),
        (3, errno.EINVAL),
        (Login.APPLICATION, errno.EINVAL),
        (Login.USER_APPLICATION, errno.EINVAL),
        (Login.GROUP_APPLICATION, errno.EINVAL),
        (0x7FFFFFFF, errno.EINVAL),
        (0x80000000, errno.EPERM),
        (0xBFFFFFFF, errno.EPERM),
        (0xC0000000, errno.EINVAL),
    ],
)
def test_linux_refuses_other_logins(
    tee: Emulator, opening: Callable[..., Opening], login: int, number: int
) -> None:
    asked = opening(Doorman, login=login, group=1000, caller=ALICE)

    with pytest.raises(OSError, match=os.strerror(number)) as refused:
        tee.open_session(asked)

    assert refused.value.errno == number


def test_without_a_group_linux_takes_it_for_root_s(
    tee: Emulator, opening: Callable[..., Opening]
) -> None:
    with pytest.raises(PermissionError):
        tee.open_session(opening(Doorman, login=Login.GROUP, caller=ALICE))
