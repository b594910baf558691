#!/usr/bin/env python3
"""Build and boot the virtual machine with a real OP-TEE; see README.md beside this."""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from optee_vm import (
    applications,
    binding,
    cache,
    firmware,
    host,
    image,
    kernel,
    libteec,
    overlay,
    packages,
    programs,
)
from optee_vm.cache import BuildFailed
from optee_vm.machine import Machine

JOBS = Path(__file__).resolve().parent / "jobs"


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        host.prepare()
        if options.command == "headers":
            print(programs.headers(_kit()))
            return 0
        machine = build()
        if options.command == "job":
            return run_job(machine, options)
        if options.command == "shell":
            return machine.shell()
    except BuildFailed as exc:
        print(f"[vm] {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def build() -> Machine:
    """The machine with the working tree as it is now; what did not change is kept."""
    kit = _kit()
    linux = kernel.unpack(kit)
    base = image.build(kit, linux)
    layers = (
        base.layer,
        applications.build(kit),
        overlay.guest(),
        overlay.project(base),
        binding.build(kit),
        libteec.build(),
        programs.build(kit, base),
    )
    return Machine(firmware.build(kit), linux / "Image", layers)


def _kit() -> Path:
    return packages.exactly(
        "kit",
        (
            "libpython3.13-dev",
            "linux-image-arm64",
            "optee-client-dev",
            "optee-os",
            "optee-os-dev",
        ),
        ("arm-trusted-firmware",),
    )


def run_job(machine: Machine, options: argparse.Namespace) -> int:
    results: Path | None = options.results
    if results is None:
        results = cache.root() / "results" / options.name
        shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        job = overlay.job(Path(scratch), options.name, options.arguments)
        return Machine(machine.flash, machine.kernel, (*machine.layers, job)).run_job(
            "systemd" if options.systemd else "job", results, options.timeout * 60
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="make everything ready, boot nothing")
    commands.add_parser("headers", help="say where the stock library's headers are")
    commands.add_parser("shell", help="boot to a root console")
    job = commands.add_parser("job", help="boot, run one job, give its exit status")
    job.add_argument("name", choices=sorted(path.name for path in JOBS.iterdir()))
    job.add_argument("--systemd", action="store_true", help="systemd as first process")
    job.add_argument("--results", type=Path, help="where the job's files and logs go")
    job.add_argument("--timeout", type=float, default=40, help="minutes, default 40")
    job.epilog = "what follows -- goes to the job"
    given = sys.argv[1:]
    own = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:own])
    options.arguments = given[own + 1 :]
    return options


if __name__ == "__main__":
    sys.exit(main())
