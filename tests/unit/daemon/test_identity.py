"""Who a peer is comes from the kernel, and decides which logins it may use."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from teed.driver.interface import Credentials
from teed.identity import Peer, check_login, peer_of
from teed_protocol.codes import Login, Result
from teed_protocol.errors import TeeError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

CALLER = Credentials(1000, 1001, (27, 44))


CONNECT = """
import os, socket, sys
{become}
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as theirs:
    theirs.connect({address!r})
    theirs.recv(1)  # until teed has seen enough
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """At an abstract address, which everybody can reach."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(f"\0teed-test-{os.getpid()}")
        door.listen()
        door.settimeout(20)
        yield door


@contextmanager
def _connected(listener: socket.socket, become: str) -> Iterator[tuple[int, socket.socket]]:
    """The pid of a process that connects after it has become somebody, and the connection."""
    script = CONNECT.format(become=become, address=listener.getsockname())
    with subprocess.Popen([sys.executable, "-c", script]) as child:
        ours, _ = listener.accept()
        with ours:
            yield child.pid, ours
    assert child.returncode == 0


def test_a_peer_is_the_process_that_connected(listener: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as theirs:
        theirs.connect(listener.getsockname())
        ours, _ = listener.accept()
        with ours:
            peer = peer_of(ours)
    assert peer.pid == os.getpid()
    assert (peer.credentials.uid, peer.credentials.gid) == (os.geteuid(), os.getegid())
    assert set(peer.credentials.groups) == set(os.getgroups())
    assert str(peer) == f"pid {os.getpid()} uid {os.geteuid()}"


@as_root
def test_a_peer_has_the_ids_it_had_when_it_connected(listener: socket.socket) -> None:
    become = "os.setgroups([5, 7, 70000]); os.setresgid(*[1001] * 3); os.setresuid(*[1000] * 3)"
    with _connected(listener, become) as (pid, ours):
        assert peer_of(ours) == Peer(pid, Credentials(1000, 1001, (5, 7, 70000)))


@as_root
def test_effective_ids_count_and_real_ones_do_not(listener: socket.socket) -> None:
    become = "os.setgroups([]); os.setresgid(0, 1001, 0); os.setresuid(0, 1000, 0)"
    with _connected(listener, become) as (_, ours):
        assert peer_of(ours).credentials == Credentials(1000, 1001)


@as_root
def test_a_peer_may_be_in_256_groups(listener: socket.socket) -> None:
    with _connected(listener, "os.setgroups(range(5000, 5256))") as (_, ours):
        assert peer_of(ours).credentials.groups == tuple(range(5000, 5256))


@as_root
def test_a_peer_in_more_groups_is_refused(listener: socket.socket) -> None:
    with _connected(listener, "os.setgroups(range(5000, 5257))") as (_, ours):
        with pytest.raises(TeeError, match="more than 256 groups") as refused:
            peer_of(ours)
        assert refused.value.code == Result.ERROR_ACCESS_DENIED


@pytest.mark.parametrize("login", [Login.PUBLIC, Login.USER, Login.APPLICATION, 5])
@pytest.mark.parametrize("group", [None, 27])
def test_a_login_without_a_group_is_anybody_s(login: int, group: int | None) -> None:
    check_login(login, group, CALLER)


@pytest.mark.parametrize("login", [Login.GROUP, Login.GROUP_APPLICATION])
@pytest.mark.parametrize("group", [1001, 27, 44])
def test_a_member_may_use_a_group_s_login(login: int, group: int) -> None:
    check_login(login, group, CALLER)


@pytest.mark.parametrize("login", [Login.GROUP, Login.GROUP_APPLICATION])
@pytest.mark.parametrize("group", [0, 1000, 28, 2**32 - 1])
def test_others_may_not(login: int, group: int) -> None:
    with pytest.raises(TeeError, match=f"user 1000 is not in group {group}") as refused:
        check_login(login, group, CALLER)
    assert (refused.value.code, refused.value.reason) == (Result.ERROR_GENERIC, "denied")


@pytest.mark.parametrize("login", [0x80000000, 0xBFFFFFFF])
def test_the_kernels_own_logins_are_nobody_s(login: int) -> None:
    with pytest.raises(TeeError, match="the kernel's own") as refused:
        check_login(login, None, CALLER)
    assert (refused.value.code, refused.value.reason) == (Result.ERROR_GENERIC, "denied")


def test_root_too_must_be_in_the_group() -> None:
    with pytest.raises(TeeError, match="not in group 27"):
        check_login(Login.GROUP, 27, Credentials(0, 0))


@pytest.mark.parametrize("login", [Login.GROUP, Login.GROUP_APPLICATION])
def test_a_group_s_login_needs_a_group(login: int) -> None:
    with pytest.raises(TeeError, match="needs a group") as refused:
        check_login(login, None, CALLER)
    assert refused.value.reason == "bad-login"


@pytest.mark.parametrize("login", [3, 7, 0x7FFFFFFF, 0xC0000000, 2**32 - 1])
def test_there_are_no_other_logins(login: int) -> None:
    with pytest.raises(TeeError, match=f"no login method {login:#x}") as refused:
        check_login(login, 27, CALLER)
    assert (refused.value.code, refused.value.reason) == (
        Result.ERROR_BAD_PARAMETERS,
        "bad-login",
    )
