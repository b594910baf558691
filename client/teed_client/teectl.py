"""``teectl``: ask a running teed how it is."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from teed_client import Context
from teed_protocol.codes import Capability
from teed_protocol.errors import TeedError

_OURS = ("clients", "sessions", "channels", "buffers", "bytes")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was asked for; the exit status is 1 when teed could not be reached."""
    options = _parser().parse_args(arguments)
    try:
        with Context(options.socket, "teectl") as context:
            lines = [
                f"driver        {context.driver}",
                f"capabilities  {_names(context.capabilities)}",
                _table(context.status()),
            ]
    except TeedError as why:
        print(f"teectl: {why}", file=sys.stderr)
        return 1
    _say("\n".join(lines))
    return 0


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # "| head" has heard enough
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # or else Python's last flush complains


def _names(capabilities: int) -> str:
    return ", ".join(each.name or "?" for each in Capability if each & capabilities) or "none"


def _table(status: Mapping[str, int]) -> str:
    """A user's own counts, and beside them the daemon's where they may be seen."""
    everybody = any(name.startswith("total_") for name in status)
    lines = [f"{'':<12}{'yours':>12}" + (f"{'all':>14}" if everybody else "")]
    for name in _OURS:
        total = f"{status[f'total_{name}']:>14,}" if everybody else ""
        lines.append(f"{name:<12}{status[name]:>12,}{total}")
    others = [name for name in status if name not in _OURS and not name.startswith("total_")]
    lines += [f"{name.replace('_', ' '):<24}{status[name]:>14,}" for name in others]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="teectl", description="Ask a running teed how it is.")
    parser.add_argument(
        "--socket", metavar="PATH", help="default: TEED_SOCKET, or /run/teed/teed.sock"
    )
    parser.add_argument(
        "command", choices=["status"], help="what this user has, and the daemon"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
