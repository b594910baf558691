"""Which device is taken, with files in place of devices that answer as real ones would."""

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from teed.driver.linux import DEVICES
from teed_protocol.codes import Capability

OP_TEE, AMD_TEE = 1, 2
GP = Capability.GP
NOBODY = 65534

TEE_IOCTL = """
#include <errno.h>
#include <linux/tee.h>
#include <unistd.h>

/* Instead of the kernel's: a file with the answer to TEE_IOC_VERSION in it is a device. */
int ioctl(int fd, unsigned long request, struct tee_ioctl_version_data *version)
{
    const ssize_t size = sizeof(*version);
    if (request == TEE_IOC_VERSION && pread(fd, version, size, 0) == size)
        return 0;
    errno = ENOTTY;
    return -1;
}
"""

FIND = """
import json, os, sys
from contextlib import suppress
from pathlib import Path
from teed.driver import linux

devices, path, impl_id, uid = json.loads(sys.argv[1])
linux.DEVICES = tuple(map(Path, devices))
os.setresuid(uid, uid, uid)
taken = said = None
try:
    driver = linux.find_device(path and Path(path), impl_id)
    taken = os.fstat(driver.native.context).st_ino
    driver.close()
except linux.DeviceError as why:
    said = str(why)
held = []
for fd in range(256):
    with suppress(OSError):
        held.append(os.fstat(fd).st_ino)
print(json.dumps([taken, said, held]))
"""

OPEN = """
import json, sys
from teed.__main__ import open_driver
from teed.config import parse

print(int(open_driver(parse(json.loads(sys.argv[1]))).version.gen_caps), end="")
"""


class Machine:
    """A folder that stands for /dev."""

    def __init__(self, dev: Path, library: Path) -> None:
        self.dev = dev
        self._environment = os.environ | {"LD_PRELOAD": str(library)}

    def has(self, name: str, impl_id: int = OP_TEE, *, caps: int = GP) -> Path:
        path = self.dev / name
        path.write_bytes(struct.pack("3I", impl_id, 0, caps))
        path.chmod(0o666)
        return path

    def find(
        self, path: Path | None = None, impl_id: int | None = None, uid: int | None = None
    ) -> str:
        """The name of the device that find_device takes, or else what it says."""
        devices = [str(self.dev / each.name) for each in DEVICES]
        who = os.geteuid() if uid is None else uid
        done = self.run("-c", FIND, json.dumps([devices, path and str(path), impl_id, who]))
        assert done.returncode == 0, done.stderr
        taken, said, held = json.loads(done.stdout)
        names = {each.stat().st_ino: each.name for each in self.dev.iterdir()}
        assert not names.keys() & set(held), "what was tried stays open"
        return str(said or names[taken])

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source = tmp_path_factory.mktemp("ioctl") / "ioctl.c"
    source.write_text(TEE_IOCTL)
    built = source.with_suffix(".so")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", built, source], check=True, timeout=60)
    return built


@pytest.fixture
def machine(library: Path) -> Iterator[Machine]:
    with tempfile.TemporaryDirectory() as dev:
        Path(dev).chmod(0o755)  # as /dev is, for whoever looks
        yield Machine(Path(dev), library)


def test_it_looks_where_libteec_does() -> None:
    assert [str(each) for each in DEVICES] == [f"/dev/tee{number}" for number in range(10)]


def test_the_first_of_several_is_taken(machine: Machine) -> None:
    for name in ("tee9", "tee3", "tee4"):
        machine.has(name)
    assert machine.find() == "tee3"


def test_the_device_that_is_named_is_taken_and_no_other(machine: Machine) -> None:
    machine.has("tee0")
    named = machine.has("tee-of-mine")
    assert machine.find(named) == "tee-of-mine"
    unfit = machine.has("tee1", caps=0)
    assert "TEE_GEN_CAP_GP" in machine.find(unfit)


@pytest.mark.parametrize("others", [0, Capability.PRIVILEGED, Capability.REG_MEM | 0xF0])
def test_a_device_that_does_not_speak_global_platform_is_refused(
    machine: Machine, others: int
) -> None:
    path = machine.has("tee0", caps=others)
    words = f"{path}: not a GlobalPlatform TEE (TEE_GEN_CAP_GP is missing)"
    assert (machine.find(path), machine.find()) == (words, words)


def test_another_implementation_is_refused(machine: Machine) -> None:
    path = machine.has("tee0", AMD_TEE)
    words = f"{path}: implementation 2, wanted 1"
    assert (machine.find(path, OP_TEE), machine.find(None, OP_TEE)) == (words, words)
    assert machine.find(path, AMD_TEE) == machine.find(path) == "tee0"


def test_what_does_not_fit_is_passed_over(machine: Machine) -> None:
    (machine.dev / "tee0").touch()
    machine.has("tee1", caps=0)
    machine.has("tee2", AMD_TEE)
    machine.has("tee5", OP_TEE)
    machine.has("tee6", OP_TEE)
    assert machine.find() == "tee2"
    assert machine.find(impl_id=OP_TEE) == "tee5"


def test_where_none_fits_each_is_named_with_its_reason(machine: Machine) -> None:
    (machine.dev / "tee0").touch()
    machine.has("tee1", caps=0)
    machine.has("tee9", AMD_TEE)
    assert machine.find(impl_id=OP_TEE).split("; ") == [
        f"{machine.dev}/tee0: not a TEE device",
        f"{machine.dev}/tee1: not a GlobalPlatform TEE (TEE_GEN_CAP_GP is missing)",
        f"{machine.dev}/tee9: implementation 2, wanted 1",
    ]


def test_where_there_is_no_device_it_says_where_it_has_looked(machine: Machine) -> None:
    machine.has("tee10")
    machine.has("teepriv0")
    words = "there is no /dev/tee0 to /dev/tee9: is the TEE driver loaded?"
    assert machine.find() == words


def test_a_device_that_one_may_not_open_is_named_or_passed_over(machine: Machine) -> None:
    path = machine.has("tee0")
    path.chmod(0)
    somebody = os.geteuid() or NOBODY
    words = f"{path}: Permission denied"
    assert machine.find(path, uid=somebody) == words
    assert machine.find(uid=somebody) == words
    machine.has("tee1")
    assert machine.find(uid=somebody) == "tee1"


@pytest.mark.parametrize("keys", [(), ("register_memory",), ("null_references",)])
def test_what_the_configuration_renounces_the_driver_does_not_tell_of(
    machine: Machine, keys: tuple[str, ...]
) -> None:
    everything = (
        int(GP | Capability.REG_MEM | Capability.MEMREF_NULL) | 0x70
    )  # of later kernels
    named = {"register_memory": Capability.REG_MEM, "null_references": Capability.MEMREF_NULL}
    device = str(machine.has("tee0", caps=everything))
    tee = {"device": device, **dict.fromkeys(keys, False)}
    done = machine.run("-c", OPEN, json.dumps({"tee": tee}))
    left = everything - sum(named[key] for key in keys)
    assert done.stdout == str(left), done.stderr


def test_teed_does_not_start_on_it_and_says_why(machine: Machine) -> None:
    path = machine.has("tee0", caps=0)
    socket = machine.dev / "teed.sock"
    done = machine.run("-m", "teed", "--device", str(path), "--socket", str(socket))
    assert done.returncode == 1
    assert f"no TEE can be used: {path}: not a GlobalPlatform TEE" in done.stderr
    assert "Traceback" not in done.stderr
    assert not socket.exists()
