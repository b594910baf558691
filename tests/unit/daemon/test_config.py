"""The configuration says what is wrong with it, and where."""

import grp
from pathlib import Path
from typing import Any

import pytest

from teed.accounts import Limits
from teed.config import Config, ConfigError, Tee, load, parse


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "teed.toml"
    path.write_text("")
    assert load(path) == Config()


def test_what_the_file_says_is_what_holds(tmp_path: Path) -> None:
    path = tmp_path / "teed.toml"
    path.write_text(
        """
        [socket]
        path = "/tmp/teed.sock"
        mode = 0o600
        [tee]
        driver = "emulator"
        secure_threads = 4
        register_memory = false
        [emulator]
        sessions = 7
        [limits]
        bytes = 1_048_576
        [stock]
        small = 0
        """
    )
    config = load(path)
    assert (config.socket.path, config.socket.mode) == ("/tmp/teed.sock", 0o600)
    assert config.tee == Tee(driver="emulator", secure_threads=4, register_memory=False)
    assert config.emulator.sessions == 7
    assert config.limits == Limits(bytes=2**20)
    assert config.stock.by_size() == {4096: 0, 65536: 4}


@pytest.mark.parametrize(("threads", "crew"), [(1, 1), (2, 1), (3, 2), (9, 8)])
def test_the_crew_leaves_a_secure_thread_free_where_there_is_more_than_one(
    threads: int, crew: int
) -> None:
    assert Tee(secure_threads=threads).crew == crew
    assert Tee(secure_threads=threads).spare == threads - crew


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"sockets": {}}, r"no section \[sockets\]; there are socket, tee"),
        ({"socket": "/run/teed.sock"}, r"socket is a table: write \[socket\]"),
        ({"socket": [{"path": "/x"}]}, r"write \[socket\]"),
        ({"socket": {"file": "/x"}}, r"\[socket\] has no key 'file'; it has path, mode"),
        ({"socket": {"path": 1}}, r"\[socket\] path is a text, not 1"),
        ({"socket": {"path": "teed.sock"}}, r"\[socket\] path is absolute"),
        ({"socket": {"mode": "660"}}, r"\[socket\] mode is a whole number, not '660'"),
        ({"socket": {"mode": -1}}, r"\[socket\] mode cannot be negative"),
        ({"socket": {"mode": 0o1000}}, r"\[socket\] mode is 0o777 at the most, not 0o1000"),
        ({"socket": {"path": "/run/\0"}}, r"\[socket\] path has a NUL character in it"),
        ({"socket": {"group": "te\0ed"}}, r"\[socket\] group has a NUL character in it"),
        (
            {"socket": {"group": "no such group"}},
            r"\[socket\] group: there is no group 'no such",
        ),
        ({"tee": {"driver": "windows"}}, r"\[tee\] driver is one of linux, emulator, auto"),
        ({"tee": {"secure_threads": 0}}, r"\[tee\] secure_threads is 1 at the least"),
        ({"tee": {"secure_threads": 65}}, r"\[tee\] secure_threads is 64 at the most, not 65"),
        ({"tee": {"secure_threads": 10**20}}, r"\[tee\] secure_threads is 64 at the most"),
        ({"tee": {"secure_threads": True}}, r"\[tee\] secure_threads is a whole number"),
        ({"tee": {"secure_threads": 2.0}}, r"\[tee\] secure_threads is a whole number"),
        ({"tee": {"implementation": 2**32}}, r"implementation is 4294967295 at the most"),
        ({"tee": {"device": "/dev/tee0\0"}}, r"\[tee\] device has a NUL character in it"),
        ({"emulator": {"state": "/\0"}}, r"\[emulator\] state has a NUL character in it"),
        ({"emulator": {"sessions": 2**32}}, r"sessions is 4294967295 at the most, not 42949"),
        ({"emulator": {"sessions": "many"}}, r"\[emulator\] sessions is a whole number"),
        ({"tee": {"register_memory": 1}}, r"register_memory is true or false, not 1"),
        ({"limits": {"bytes": "1 GiB"}}, r"\[limits\] bytes is a whole number"),
        ({"limits": {"clients": -1}}, r"\[limits\] clients cannot be negative"),
        ({"limits": {"channels": 2**32}}, r"\[limits\] channels is 4294967295 at the most"),
        ({"limits": {"bytes": 2**63}}, r"\[limits\] bytes is 9223372036854775807 at the most"),
        ({"limits": {"memory": 1}}, r"\[limits\] has no key 'memory'"),
        ({"stock": {"small": 10**20}}, r"\[stock\] small is 4294967295 at the most"),
        ({"stock": {"arena": None}}, r"\[stock\] arena is a whole number"),
        ({"access": {"admin_group": "no such group"}}, r"\[access\] admin_group: there is no"),
    ],
)
def test_whatever_is_wrong_is_named_with_its_place(tables: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(tables)


def test_numbers_may_be_as_large_as_that() -> None:
    config = parse(
        {
            "socket": {"mode": 0o777},
            "tee": {"secure_threads": 64, "implementation": 2**32 - 1},
            "limits": {"bytes": 2**63 - 1, "clients": 2**32 - 1},
        }
    )
    assert (config.socket.mode, config.tee.secure_threads) == (0o777, 64)
    assert config.limits == Limits(clients=2**32 - 1, bytes=2**63 - 1)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"teed\.toml: No such file"):
        load(tmp_path / "teed.toml")


@pytest.mark.parametrize(
    "content", [b"[socket", b"path = ", b"\xff\xfe", b"[tee]\ndriver = 'sun'\n"]
)
def test_a_file_that_cannot_be_understood_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "teed.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"teed\.toml: "):
        load(path)


def test_the_administrators_are_a_group_of_this_system() -> None:
    group = grp.getgrall()[0]
    config = parse({"access": {"admin_group": group.gr_name}})
    assert config.access.admin_gid() == group.gr_gid
    assert Config().access.admin_gid() is None
