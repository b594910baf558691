"""The build hook: compiles the cffi modules, one for every ``teed/**/_NAME_build.py``.

cffi drives setuptools, which would read this project's pyproject.toml and stumble over
it, so a module is compiled in a scratch directory and copied in.
"""

import runpy
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):
    """Adds the compiled modules to the wheel, or to an editable checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        for script in sorted((root / "teed").rglob("_*_build.py")):
            module = compile_beside(script)
            build_data["artifacts"].append(str(module.relative_to(root)))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def compile_beside(script: Path) -> Path:
    """Compile the module of a build script; the module, which lies beside it."""
    ffibuilder = runpy.run_path(str(script))["ffibuilder"]
    with tempfile.TemporaryDirectory() as scratch:
        built = Path(ffibuilder.compile(tmpdir=scratch))
        target = script.with_name(built.name)
        fresh = target.with_suffix(".new")
        shutil.copy(built, fresh)
        fresh.replace(target)  # never write into a module that somebody has loaded
    return target
