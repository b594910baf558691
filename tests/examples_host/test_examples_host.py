"""Programs that make the calls of OP-TEE's examples, through the C library, on the emulator.

The trusted applications of these three are in the emulator only, so nothing here runs on a
real OP-TEE.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
LIBRARY = REPOSITORY / "client" / "libteec"
SECONDS = 120

PASSWORDS = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489"

Finished = subprocess.CompletedProcess[str]
Run = Callable[..., Finished]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the library and the programs are."""
    folder = tmp_path_factory.mktemp("built")
    make = ["make", "-s", "-C", str(LIBRARY), f"O={folder}"]
    subprocess.run(make, check=True, timeout=SECONDS)
    for source in HERE.glob("*.c"):
        compiler = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{LIBRARY}/include"]
        linked = [str(source), "-o", str(folder / source.stem), f"-L{folder}", "-lteec"]
        subprocess.run([*compiler, *linked], check=True, timeout=SECONDS)
    return folder


@contextmanager
def serving(folder: Path) -> Iterator[Path]:
    """A daemon on the emulator that keeps what it stores in *folder*; its socket."""
    settings, path = folder / "teed.toml", folder / "teed.sock"
    settings.write_text(f"[emulator]\nstate = '{folder / 'state'}'\n")
    daemon = subprocess.Popen(
        [
            *(sys.executable, "-m", "teed", "--tee", "emulator"),
            *("--config", str(settings), "--socket", str(path)),
        ],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    )
    with daemon:
        assert daemon.stderr is not None
        try:
            assert any("listening" in line for line in daemon.stderr)
            yield path
        finally:
            daemon.terminate()
            daemon.communicate(timeout=SECONDS)
    assert daemon.returncode == 0


@pytest.fixture
def run(built: Path) -> Run:
    """Run a program to its end, against the daemon at a socket."""

    def run_it(path: Path, program: str, *arguments: str) -> Finished:
        return subprocess.run(
            [str(built / program), *arguments],
            env=os.environ | {"LD_LIBRARY_PATH": str(built), "TEED_SOCKET": str(path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    return run_it


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    with serving(tmp_path) as path:
        yield path


def output(finished: Finished) -> str:
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_hotp_gives_the_passwords_of_the_rfc(run: Run, path: Path) -> None:
    assert output(run(path, "hotp")).split() == PASSWORDS.split()


@pytest.mark.parametrize(
    ("bits", "text"), [(256, "x" * 21), (1024, ""), (1024, "hello"), (1024, "x" * 117)]
)
def test_acipher_encrypts_a_text_to_the_size_of_the_key(
    run: Run, path: Path, bits: int, text: str
) -> None:
    first, second = (
        bytes.fromhex(output(run(path, "acipher", str(bits), text))) for _ in range(2)
    )

    assert len(first) == len(second) == bits // 8
    assert first != second


@pytest.mark.parametrize(
    ("bits", "text", "said"),
    [
        ("100", "hello", "no key: result ffff000a, origin 4\n"),
        ("1025", "hello", "no key: result ffff0006, origin 4\n"),
        ("1024", "x" * 118, "no secret: result ffff0006, origin 4\n"),
    ],
)
def test_acipher_says_what_cannot_be_encrypted(
    run: Run, path: Path, bits: str, text: str, said: str
) -> None:
    finished = run(path, "acipher", bits, text)

    assert (finished.returncode, finished.stderr) == (1, said)


def test_secure_storage_finds_what_an_earlier_run_has_left(run: Run, tmp_path: Path) -> None:
    said = []
    for _ in range(2):
        with serving(tmp_path) as path:
            said += [output(run(path, "secure_storage")) for _ in range(3)]

    written, found = "the same\nwritten\n", "the same\nwhat the next run finds\n"
    assert said == [written, found] * 3
