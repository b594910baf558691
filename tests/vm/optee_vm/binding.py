"""Compile the project's cffi modules for the guest's Python.

Every teed/**/_NAME_build.py makes one.  Debian's cffi writes the C, the cross compiler
compiles it against the headers of the guest's Python.  It keeps to the stable ABI, as
cffi's modules do by default.
"""

import subprocess
import tempfile
from pathlib import Path

from . import cache, host
from .cache import BuildFailed, Log
from .cpio import Archive

_REPOSITORY = Path(__file__).resolve().parents[3]
_EMIT = """
import runpy, sys
script, target = sys.argv[1:]
runpy.run_path(script)["ffibuilder"].emit_c_code(target)
"""


def build(kit: Path) -> Path:
    """Make modules.cpio; its name comes from the C that cffi writes."""
    sources = {script: _emit(script) for script in _scripts()}

    def make(target: Path, log: Log) -> None:
        scratch = target / "scratch"
        scratch.mkdir()
        for deb in kit.glob("libpython3.*-dev_*.deb"):
            log.run("dpkg-deb", "--extract", deb, scratch)
        [headers] = scratch.glob("usr/include/python3.*")
        with Archive(target / "modules.cpio") as archive:
            for script, source in sources.items():
                (scratch / "module.c").write_bytes(source)
                log.run(
                    *("aarch64-linux-gnu-gcc", "-O2", "-fPIC", "-shared", "-pthread"),
                    *("-DPy_LIMITED_API=0x030b0000", "-Wall"),
                    *(f"-I{headers}", f"-I{scratch}/usr/include"),
                    *("-o", scratch / "module.so", scratch / "module.c"),
                )
                archive.file(_place(script), (scratch / "module.so").read_bytes(), 0o755)
        log.run("rm", "-r", scratch)

    inputs: list[str | bytes] = [Path(__file__).read_bytes(), kit.name]
    for script, source in sources.items():
        inputs += [_place(script), source]
    return cache.entry("cffi-modules", inputs, make) / "modules.cpio"


def _scripts() -> list[Path]:
    return sorted((_REPOSITORY / "teed").rglob("_*_build.py"))


def _place(script: Path) -> str:
    """Where the guest has the module of *script*: beside it."""
    module = script.with_name(script.stem.removesuffix("_build") + ".abi3.so")
    return f"opt/teed/{module.relative_to(_REPOSITORY)}"


def _emit(script: Path) -> bytes:
    """The C source that cffi writes for the module of *script*."""
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "module.c"
        emitted = subprocess.run(
            [host.PYTHON, "-B", "-c", _EMIT, str(script), str(target)],
            capture_output=True,
            text=True,
            check=False,
        )
        if emitted.returncode != 0:
            raise BuildFailed(f"{script} gave no C:\n{emitted.stderr}")
        return target.read_bytes()
