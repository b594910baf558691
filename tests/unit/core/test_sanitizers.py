"""The core by itself, watched by the compilers' sanitizers: under load, and under nonsense."""

import shutil
import subprocess
from pathlib import Path

import pytest

from teed_protocol.messages import Request, encode

HERE = Path(__file__).parent
CORE = Path(__file__).parents[3] / "teed" / "channels" / "core"
GCC, CLANG = shutil.which("gcc"), shutil.which("clang") or shutil.which("clang-14")
WARNINGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def _run(*command: object) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _compiled(compiler: str, sanitizer: str, folder: Path, *sources: Path) -> Path:
    program = folder / sources[0].stem
    flags = [*WARNINGS, "-g", "-O1", f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"]
    _run(compiler, *flags, "-pthread", f"-I{CORE}", "-o", program, *sources)
    return program


@pytest.mark.skipif(GCC is None, reason="there is no gcc")
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_the_core_keeps_its_promises_under_load(sanitizer: str, tmp_path: Path) -> None:
    sources = (HERE / "stress.c", *sorted(CORE.glob("*.c")))
    stress = _compiled(GCC or "", sanitizer, tmp_path, *sources)
    said = _run(stress, 2000).split()
    counts = dict(zip(said[1::2], map(int, said[::2]), strict=True))
    assert set(counts) == {
        "answered", "refused", "withdrawn", "cancelled", "errands", "buffers",
    }  # fmt: skip
    assert all(counts.values())


@pytest.mark.skipif(CLANG is None, reason="there is no clang, and so no libFuzzer")
def test_no_bytes_lead_the_core_astray(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for count in range(5):
        parameters = [[7, 2**16, 2**32, 2**64 - 1]] * count
        (corpus / str(count)).write_bytes(encode(Request(1, "invoke", [0, parameters])))
    sources = (HERE / "fuzz_message.c", CORE / "message.c")
    fuzz = _compiled(CLANG or "", "fuzzer,address,undefined", tmp_path, *sources)
    _run(fuzz, "-max_total_time=3", "-max_len=400", f"-artifact_prefix={tmp_path}/", corpus)
