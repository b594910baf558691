"""Opening as the client: its credentials are on one thread, for one ioctl, and nowhere else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become somebody else: run this test as root"
)

WATCHED_IOCTL = """
#include <unistd.h>

struct door { int inside, go_on; };

/* Instead of the kernel's: says that it was called, and waits for a word. */
int ioctl(int fd, unsigned long request, struct door *door)
{
    char word = 0;
    if (write(door->inside, &word, 1) != 1 || read(door->go_on, &word, 1) != 1)
        return -1;
    return (int)request;
}
"""

LOOK = """
import json, os, threading
from teed.driver._linux import ffi, lib

def threads():
    found = {}
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/status") as status:
            lines = dict(line.split(":", 1) for line in status)
        found[task] = [lines[name].split() for name in ("Uid", "Gid", "Groups")]
    return found

told, inside = os.pipe()
go_on, word = os.pipe()
door = ffi.new("int[2]", [inside, go_on])
results = []

def open_as_somebody():
    results.append(lib.teed_ioctl_as(1000, 1001, 2, [5, 70000], 0, 77, door))

before = threads()
caller = threading.Thread(target=open_as_somebody)
caller.start()
os.read(told, 1)
during = threads()
os.write(word, b"!")
caller.join()
print(json.dumps({"before": before, "during": during, "after": threads(), "results": results}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The credentials of every thread before, during and after an ioctl as somebody else."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source = tmp_path_factory.mktemp("ioctl") / "ioctl.c"
    source.write_text(WATCHED_IOCTL)
    library = source.with_suffix(".so")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, source], check=True, timeout=60
    )
    done = _run(LOOK, LD_PRELOAD=str(library))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_the_ioctl_runs_on_one_thread_with_the_client_s_effective_ids(
    seen: dict[str, Any],
) -> None:
    (ours,) = set(map(json.dumps, seen["before"].values()))
    somebody = [each for each in seen["during"].values() if json.dumps(each) != ours]
    # Real, effective, saved, and for files: a client can neither signal nor trace it.
    assert somebody == [
        [["0", "1000", "0", "1000"], ["0", "1001", "0", "1001"], ["5", "70000"]]
    ]


def test_every_other_thread_stays_who_it_is(seen: dict[str, Any]) -> None:
    (ours,) = set(map(json.dumps, seen["before"].values()))
    others = [each for each in seen["during"].values() if json.dumps(each) == ours]
    assert len(others) == 2  # the main thread, and the one that waits for the ioctl
    assert {json.dumps(each) for each in seen["after"].values()} == {ours}


def test_the_thread_ends_with_its_ioctl_and_hands_over_the_result(seen: dict[str, Any]) -> None:
    assert len(seen["after"]) == len(seen["before"])
    assert seen["results"] == [77]


POWERLESS = """
import os
from teed.driver._linux import ffi, lib
os.setgroups([])
os.setresuid(65534, 65534, 65534)
print(lib.teed_ioctl_as({uid}, {gid}, {count}, {groups}, 0, 77, ffi.NULL), os.geteuid())
"""


@pytest.mark.parametrize(
    ("uid", "gid", "groups"), [(0, 0, []), (1000, 0, []), (65534, 65534, [5])]
)
def test_without_the_power_to_become_somebody_nothing_is_asked(
    uid: int, gid: int, groups: list[int]
) -> None:
    script = POWERLESS.format(uid=uid, gid=gid, count=len(groups), groups=groups)
    done = _run(script)
    assert done.stdout == "-1 65534\n", done.stderr  # EPERM, and not the ENOTTY of the ioctl
