"""The real driver as far as it goes without a device: finding one, and failing."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from teed.driver._linux import ffi, lib

from teed.driver import linux
from teed.driver.interface import Credentials, Opening
from teed.driver.linux import DeviceError, LinuxDriver, LinuxSharedMemory, find_device
from teed.memory.memfd import make_memfd
from teed_protocol.fields import Parameter


@pytest.fixture(autouse=True)
def _no_leak() -> Iterator[None]:
    before = os.listdir("/proc/self/fd")
    yield
    assert os.listdir("/proc/self/fd") == before


@pytest.fixture
def deviceless() -> Iterator[LinuxDriver]:
    """A driver whose device is no TEE: every ioctl fails with ENOTTY."""
    driver = LinuxDriver.__new__(LinuxDriver)
    driver._fd = os.open("/dev/null", os.O_RDWR)
    yield driver
    driver.close()


def _refusal(*arguments: object) -> str:
    with pytest.raises(DeviceError) as refused:
        find_device(*arguments)
    return str(refused.value)


def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tee0"
    assert _refusal(path) == f"{path}: No such file or directory"


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
def test_what_is_no_tee_is_named(path: str) -> None:
    assert _refusal(Path(path)) == f"{path}: not a TEE device"


def test_a_folder_is_no_device(tmp_path: Path) -> None:
    assert _refusal(tmp_path) == f"{tmp_path}: Is a directory"


def test_without_any_device_a_hint_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "DEVICES", (Path("/dev/tee98"), Path("/dev/tee99")))
    assert "is the TEE driver loaded?" in _refusal()


def test_every_device_that_was_tried_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(linux, "DEVICES", (Path("/dev/null"), tmp_path, tmp_path / "none"))
    assert _refusal() == f"/dev/null: not a TEE device; {tmp_path}: Is a directory"


FIND = """
import os
from pathlib import Path
from teed.driver import linux

os.setresuid(65534, 65534, 65534)
try:
    linux.find_device(Path("/proc/1/mem"))
except linux.DeviceError as why:
    print(why)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_device_that_is_somebody_else_s_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIND], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout == "/proc/1/mem: Permission denied\n"


def test_the_kernel_s_refusal_is_an_os_error(deviceless: LinuxDriver) -> None:
    nobody = Credentials(os.geteuid(), os.getegid(), tuple(os.getgroups()))
    calls = [
        lambda: deviceless.allocate(4096),
        lambda: deviceless.register(make_memfd(4096), 4096),
        lambda: deviceless.open_session(Opening(bytes(16), 0, None, nobody, ())),
        lambda: deviceless.open_session(Opening(bytes(16), 2, 7, nobody, (Parameter(),) * 4)),
        lambda: deviceless.invoke(1, 2, (Parameter(3, 4, 5, 0),), 6),
        lambda: deviceless.cancel(1, 2),
        lambda: deviceless.close_session(1),
    ]
    for call in calls:
        with pytest.raises(OSError, match="Inappropriate ioctl") as failed:
            call()
        assert failed.value.errno == errno.ENOTTY


@pytest.mark.parametrize("size", [4096, 4097, 0])
def test_a_registration_that_fails_closes_the_memfd(deviceless: LinuxDriver, size: int) -> None:
    memfd = make_memfd(4096)
    with pytest.raises((OSError, ValueError)):
        deviceless.register(memfd, size)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(memfd)


def test_a_registration_that_fails_leaves_nothing_mapped(deviceless: LinuxDriver) -> None:
    before = _mappings()
    with pytest.raises(OSError, match="Inappropriate"):
        deviceless.register(make_memfd(4096), 4096)
    assert _mappings() == before


def _mappings() -> int:
    return Path("/proc/self/maps").read_text().count("/memfd:teed")


def test_shared_memory_holds_its_descriptors_until_it_is_closed() -> None:
    shm, memfd = make_memfd(4096), make_memfd(4096)
    registered = LinuxSharedMemory(7, 4096, shm, memfd)
    allocated = LinuxSharedMemory(8, 4096, make_memfd(4096))
    assert registered.fd == memfd
    for memory in (registered, allocated):
        os.fstat(memory.fd)
        memory.close()
        memory.close()


def test_the_data_plane_s_invocation_fails_as_every_ioctl_does(deviceless: LinuxDriver) -> None:
    call = ffi.new("struct teed_invoke *")
    fd = ffi.cast("void *", deviceless._fd)
    assert lib.teed_invoke_at(fd, call) == -errno.ENOTTY
