"""What teed thinks of the kernel's interface is what the kernel's own header says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from teed.driver._linux import ffi, lib

from teed.driver import _linux_build
from teed_protocol.codes import MEMREF_NULL, Attribute, Capability, Login

HEADER = Path("/usr/include/linux/tee.h")
COMPILER = shutil.which("cc")

pytestmark = [
    pytest.mark.skipif(not HEADER.exists(), reason="the kernel's headers are not installed"),
    pytest.mark.skipif(COMPILER is None, reason="there is no C compiler"),
]

STRUCTURES = {
    name: re.findall(r"(\w+)(?:\[16\])?[,;]", body)
    for name, body in re.findall(
        r"struct (tee_ioctl_\w+) \{(.*?)\}", _linux_build.STRUCTURES, re.DOTALL
    )
}
REQUESTS = re.findall(r"#define (TEE_IOC_\w+) \.\.\.", _linux_build.CDEF)
NUMBERS = {
    "TEE_GEN_CAP_GP": Capability.GP,
    "TEE_GEN_CAP_PRIVILEGED": Capability.PRIVILEGED,
    "TEE_GEN_CAP_REG_MEM": Capability.REG_MEM,
    "TEE_GEN_CAP_MEMREF_NULL": Capability.MEMREF_NULL,
    "TEE_MEMREF_NULL": MEMREF_NULL,
    "TEE_IOCTL_PARAM_ATTR_TYPE_NONE": Attribute.NONE,
    "TEE_IOCTL_PARAM_ATTR_TYPE_VALUE_INPUT": Attribute.VALUE_INPUT,
    "TEE_IOCTL_PARAM_ATTR_TYPE_VALUE_OUTPUT": Attribute.VALUE_OUTPUT,
    "TEE_IOCTL_PARAM_ATTR_TYPE_VALUE_INOUT": Attribute.VALUE_INOUT,
    "TEE_IOCTL_PARAM_ATTR_TYPE_MEMREF_INPUT": Attribute.MEMREF_INPUT,
    "TEE_IOCTL_PARAM_ATTR_TYPE_MEMREF_OUTPUT": Attribute.MEMREF_OUTPUT,
    "TEE_IOCTL_PARAM_ATTR_TYPE_MEMREF_INOUT": Attribute.MEMREF_INOUT,
    "TEE_IOCTL_LOGIN_PUBLIC": Login.PUBLIC,
    "TEE_IOCTL_LOGIN_USER": Login.USER,
    "TEE_IOCTL_LOGIN_GROUP": Login.GROUP,
    "TEE_IOCTL_LOGIN_APPLICATION": Login.APPLICATION,
    "TEE_IOCTL_LOGIN_USER_APPLICATION": Login.USER_APPLICATION,
    "TEE_IOCTL_LOGIN_GROUP_APPLICATION": Login.GROUP_APPLICATION,
}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Sizes, offsets and numbers, as a C program finds them in the header."""
    wanted = {name: name for name in (*REQUESTS, *NUMBERS)}
    for name, members in STRUCTURES.items():
        wanted[name] = f"sizeof(struct {name})"
        for member in members:
            wanted[f"{name}.{member}"] = f"offsetof(struct {name}, {member})"
            wanted[f"sizeof {name}.{member}"] = f"sizeof(((struct {name} *)0)->{member})"
    lines = "\n".join(
        f'printf("%s=%llu\\n", "{name}", (unsigned long long)({value}));'
        for name, value in wanted.items()
    )
    program = tmp_path_factory.mktemp("header") / "ask"
    program.with_suffix(".c").write_text(
        "#include <stdio.h>\n#include <stddef.h>\n#include <sys/ioctl.h>\n"
        f"#include <linux/tee.h>\nint main(void) {{\n{lines}\nreturn 0; }}\n"
    )
    assert COMPILER is not None
    subprocess.run([COMPILER, "-o", program, f"{program}.c"], check=True, timeout=60)
    said = subprocess.run([program], check=True, capture_output=True, text=True, timeout=9)
    answers = (line.split("=") for line in said.stdout.splitlines())
    return {name: int(value) for name, value in answers}


def test_every_structure_is_looked_at() -> None:
    assert len(STRUCTURES) == 9
    assert len(REQUESTS) == 7


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_is_the_kernel_s(kernel: dict[str, int], name: str) -> None:
    ours = ffi.typeof(f"struct {name}")
    assert ffi.sizeof(ours) == kernel[name]
    fields = {field: (each.offset, ffi.sizeof(each.type)) for field, each in ours.fields}
    theirs = {
        field: (kernel[f"{name}.{field}"], kernel[f"sizeof {name}.{field}"]) for field in fields
    }
    assert fields == theirs
    assert set(fields) == set(STRUCTURES[name])


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_has_the_kernel_s_number(kernel: dict[str, int], name: str) -> None:
    assert getattr(lib, name) == kernel[name]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_constant_is_the_kernel_s(kernel: dict[str, int], name: str) -> None:
    assert kernel[name] == NUMBERS[name]


@pytest.mark.parametrize(
    ("whole", "head"),
    [
        ("teed_open_session", "tee_ioctl_open_session_arg"),
        ("teed_invoke", "tee_ioctl_invoke_arg"),
    ],
)
def test_parameters_follow_at_once(kernel: dict[str, int], whole: str, head: str) -> None:
    assert ffi.offsetof(f"struct {whole}", "params") == kernel[head]
