"""Compiles ``teed.channels._core``: the data plane, from the C beside it in ``core/``.

The files are put one after the other into one source, so that whoever compiles what cffi
writes (a wheel, the tests' machine) needs no other file.  ``crew.c`` begins with the theory.
"""

from pathlib import Path

from cffi import FFI

HERE = Path(__file__).parent
CORE = HERE / "core"
PUBLIC = [HERE.parent / "driver" / "call.h", CORE / "core.h"]
FILES = [
    *PUBLIC,
    *(CORE / name for name in ("buffers.h", "crew.h")),
    *sorted(CORE.glob("*.c")),
]

CALLBACKS = """
extern "Python" {
    int teed_py_invoke(void *crew, struct teed_invoke *call);
    size_t teed_py_refuse(void *crew, uint32_t request, const struct teed_fault *why,
                          uint8_t *answer);
    size_t teed_py_judge(void *crew, void *channel, size_t size, int64_t unwanted,
                         uint8_t *body);
    void teed_py_destroy(void *crew, void *table, uint32_t number);
    void teed_py_run(void *crew, void *errand);
    void teed_py_probe(void *crew, int moment);
}
"""


def _text(path: Path, *unwanted: str) -> str:
    """A file without the lines that begin so."""
    lines = path.read_text().splitlines()
    return "\n".join("" if line.startswith(unwanted) else line for line in lines) + "\n"


def _source(path: Path) -> str:
    place = path.relative_to(HERE.parent.parent)
    return f'#line 1 "{place}"\n' + _text(path, "#pragma", '#include "')


CDEF = "".join(_text(path, "#pragma", "#include") for path in PUBLIC) + CALLBACKS
SOURCE = "".join(map(_source, FILES))

ffibuilder = FFI()
ffibuilder.cdef(CDEF)
ffibuilder.set_source("teed.channels._core", SOURCE, extra_link_args=["-pthread"])
