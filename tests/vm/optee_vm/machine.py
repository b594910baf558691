"""Boot the machine in QEMU and bring back what happened in it.

An emulated Arm machine with TrustZone.  QEMU itself places the kernel and the initial
file system in memory, where the firmware jumps to the one and the kernel's command line
points to the other; each layer of the file system is placed right behind the one before.
"""

import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .firmware import KERNEL_ADDRESS

NO_STATUS = 125
TIMED_OUT = 124

_INITRD_ADDRESS = 0x60000000
_MEMORY_MIB = 2048
_PAGE = 4096
_FOR_SYSTEMD = (  # an image that is complete and needs no first-boot work
    "audit=0",
    "systemd.condition_first_boot=no",
    "systemd.condition_needs_update=no",
    "systemd.getty_auto=no",
    "systemd.log_color=no",
    "systemd.unit=teed-job.target",
)
_PORTS = ("output", "results", "status")
_SECONDS_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True)
class Machine:
    """What the machine is made of: firmware, kernel, layers of the file system."""

    flash: Path
    kernel: Path
    layers: tuple[Path, ...]

    def run_job(self, mode: str, results: Path, seconds: float) -> int:
        """Run the job in the layers; give its exit status, or 124 or 125 when none came.

        Its output is shown as it comes; its files and all logs go to *results*.
        """
        for name in (*_PORTS, "console", "optee"):
            (results / f"{name}.log").write_bytes(b"")
        command = [*self._command(mode), "-monitor", "none"]
        command += ["-serial", f"file:{results}/console.log"]
        command += ["-serial", f"file:{results}/optee.log"]
        command += ["-device", "virtio-serial-pci"]
        for name in _PORTS:
            command += ["-chardev", f"file,id={name},path={results}/{name}.log"]
            command += ["-device", f"virtserialport,chardev={name},name={name}"]
        with _started(command) as qemu:
            in_time = _follow(qemu, results / "output.log", seconds)
        return _conclude(results, in_time)

    def shell(self) -> int:
        """Give the terminal to a root shell in the machine, until it is left."""
        columns, lines = shutil.get_terminal_size()
        # What the kernel does not know becomes the first process's environment.
        command = self._command("shell", "quiet", f"LINES={lines}", f"COLUMNS={columns}")
        command += ["-serial", "mon:stdio", "-serial", "null"]
        return subprocess.run(command, check=False).returncode

    def _command(self, mode: str, *more: str) -> list[str]:
        loaders, end = [], _INITRD_ADDRESS
        for layer in self.layers:
            loaders += ["-device", _loader(layer, end)]
            end += -(-layer.stat().st_size // _PAGE) * _PAGE
        arguments = [
            "console=ttyAMA0",
            f"initrd={_INITRD_ADDRESS:#x},{end - _INITRD_ADDRESS}",
            "rdinit=/init",
            "panic=-1",
            f"teed.mode={mode}",
            *_FOR_SYSTEMD,
            *more,
        ]
        return [
            # Even if this process is killed, QEMU does not outlive it.
            *("setpriv", "--pdeathsig", "KILL", "qemu-system-aarch64"),
            *("-M", "virt,secure=on,gic-version=3,acpi=off"),
            *("-cpu", "cortex-a57", "-smp", "2", "-m", str(_MEMORY_MIB)),
            *("-display", "none", "-nic", "none", "-no-reboot"),
            *("-bios", str(self.flash)),
            # QEMU takes -append only with -kernel; the loader is what counts.
            *("-kernel", str(self.kernel), "-append", " ".join(arguments)),
            *("-device", _loader(self.kernel, KERNEL_ADDRESS)),
            *loaders,
        ]


def _loader(file: Path, address: int) -> str:
    return f"loader,file={file},addr={address:#x},force-raw=on"


@contextmanager
def _started(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """QEMU while it runs; whatever happens, it does not outlive the block."""
    qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield qemu
    finally:
        qemu.kill()
        qemu.wait()


def _follow(qemu: "subprocess.Popen[bytes]", output: Path, seconds: float) -> bool:
    """Show *output* as it grows until QEMU ends; False when it does not in time."""
    deadline = time.monotonic() + seconds
    with output.open("rb") as lines:
        while True:
            running = qemu.poll() is None
            sys.stdout.buffer.write(lines.read())
            sys.stdout.flush()
            if not running:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_SECONDS_BETWEEN_LOOKS)


def _conclude(results: Path, in_time: bool) -> int:
    """Unpack the job's files and find its exit status."""
    stream = results / "results.log"
    try:
        _unpack(stream, results)
    except tarfile.ReadError:
        print("[vm] no files came back", file=sys.stderr)
    status = (results / "status.log").read_text().strip()
    for finished in (stream, results / "status.log"):
        finished.unlink()
    if status:
        return int(status)
    print(
        "[vm] the job did not end in time"
        if not in_time
        else "[vm] the machine stopped before the job ended",
        file=sys.stderr,
    )
    for name in ("console.log", "optee.log"):
        tail = (results / name).read_text(errors="replace").splitlines()[-30:]
        print(f"[vm] --- {results / name}", *tail, sep="\n", file=sys.stderr)
    return NO_STATUS if in_time else TIMED_OUT


def _unpack(stream: Path, results: Path) -> None:
    """Only plain files, and only below *results*; Debian 12 has no tarfile.data_filter."""
    with tarfile.open(stream, "r:") as archive:
        for member in archive:
            target = (results / member.name).resolve()
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None and target.is_relative_to(results.resolve()):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
