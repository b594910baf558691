"""Programs that were built for the stock library find what they expect in this one.

``layout.expected`` and SYMBOLS were taken from Debian's optee-client 4.5.0.  To compare with
the headers of another version, name their directory in TEED_STOCK_HEADERS.
"""

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from .building import LIBRARY, PROGRAMS, Build, compile_c, make

EXPECTED = Path(__file__).with_name("layout.expected")
STOCK_HEADERS = os.environ.get("TEED_STOCK_HEADERS")
HEADERS = [LIBRARY / "include", *map(Path, filter(None, [STOCK_HEADERS]))]
COMPILERS = ["gcc", *filter(shutil.which, ["aarch64-linux-gnu-gcc"])]
SYMBOLS = {
    "TEEC_AllocateSharedMemory",
    "TEEC_CloseSession",
    "TEEC_FinalizeContext",
    "TEEC_InitializeContext",
    "TEEC_InvokeCommand",
    "TEEC_OpenSession",
    "TEEC_RegisterSharedMemory",
    "TEEC_RegisterSharedMemoryFileDescriptor",
    "TEEC_ReleaseSharedMemory",
    "TEEC_RequestCancellation",
    "_dprintf",
    "dump_buffer",
}


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("headers", HEADERS, ids=["ours", "stock"][: len(HEADERS)])
def test_sizes_offsets_and_constants_are_those_of_the_stock_header(
    tmp_path: Path, headers: Path, compiler: str
) -> None:
    assert layout(tmp_path, headers, compiler) == EXPECTED.read_text().splitlines()


def test_it_exports_what_the_stock_library_does_and_nothing_more(plain: Build) -> None:
    listed = output_of("nm", "--dynamic", "--defined-only", plain.library)
    assert {line.split()[-1] for line in listed.splitlines()} == SYMBOLS


def test_it_has_the_stock_librarys_name_and_no_versions_of_symbols(plain: Build) -> None:
    described = output_of("readelf", "--dynamic", "--version-info", plain.library)
    assert "soname: [libteec.so.2]" in described
    assert "Version definition section" not in described


def test_a_program_is_built_with_what_was_installed(plain: Build, tmp_path: Path) -> None:
    make(f"O={plain.directory}", f"DESTDIR={tmp_path}", "PREFIX=/opt/x", "install")
    found = output_of(
        *("pkg-config", "--define-variable=prefix=/opt/x", "--cflags", "--libs", "teec"),
        PKG_CONFIG_PATH=str(tmp_path / "opt/x/lib/teed/pkgconfig"),
    )
    assert found.split() == [
        *("-I/opt/x/include/teed", "-L/opt/x/lib/teed"),
        *("-Wl,-rpath,/opt/x/lib/teed", "-lteec"),
    ]
    flags = [flag.replace("/opt/x", f"{tmp_path}/opt/x") for flag in found.split()]
    compile_c(PROGRAMS / "direct.c", "-o", tmp_path / "direct", *flags)
    example = tmp_path / "opt/x/lib/teed/ld.so.conf.example"
    assert "/opt/x/lib/teed" in example.read_text().splitlines()


def test_a_program_speaks_through_the_trace_functions(plain: Build, tmp_path: Path) -> None:
    said = plain.run("trace", socket=tmp_path)
    first, *others = said.splitlines()
    assert first.startswith("ERR [")
    assert first.endswith("] DEMO:main:13: 7 of 8")
    assert others == ["as it is 9"]


def layout(directory: Path, headers: Path, compiler: str) -> list[str]:
    """The names of layout.def with the values that they have with these headers."""
    table, values = directory / "layout.o", directory / "layout.values"
    compile_c(*("-c", f"-I{headers}", PROGRAMS / "layout.c", "-o", table), compiler=compiler)
    objcopy = compiler.replace("gcc", "objcopy")
    output_of(objcopy, "-O", "binary", "-j", "layout", table, values)
    names = (PROGRAMS / "layout.def").read_text().splitlines()[1:]
    numbers = struct.iter_unpack("<Q", values.read_bytes())
    return [f"{name} {number:#x}" for name, (number,) in zip(names, numbers, strict=True)]


def output_of(*command: str | Path, **environment: str) -> str:
    return subprocess.run(
        list(map(str, command)),
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
