"""A client application: encrypts or decrypts a file inside the TEE, in a shared buffer.

The file is read straight into memory that the TEE sees, changed there by the AES trusted
application, and written from there.  The key stands in this file, which makes it a
demonstration: a real application would have its key made and kept inside the TEE.
"""

import argparse
from pathlib import Path
from typing import BinaryIO

from teed_client import (
    Buffer,
    Context,
    Direction,
    Partial,
    Session,
    TeedError,
    Temporary,
    Value,
)

AES = "5dbac793-f574-4871-8ad3-04331ec17f24"
PREPARE, SET_KEY, SET_IV, CIPHER = range(4)
CTR = 2
DECODE, ENCODE = range(2)
KEY = bytes(range(32))
CHUNK = 2**20


def prepare(session: Session, direction: int, vector: bytes) -> None:
    """Tell the application what to do: AES-256 in counter mode."""
    settings = (CTR, len(KEY), direction)
    session.invoke(PREPARE, *[Value(each, direction=Direction.INPUT) for each in settings])
    session.invoke(SET_KEY, Temporary(KEY, Direction.INPUT))
    session.invoke(SET_IV, Temporary(vector, Direction.INPUT))


def cipher(session: Session, buffer: Buffer, source: BinaryIO, target: BinaryIO) -> int:
    """Send a file through the buffer; returns how many bytes were changed in place."""
    total = 0
    while size := source.readinto(buffer.view):  # type: ignore[attr-defined]
        session.invoke(
            CIPHER,
            Partial(buffer, 0, size, Direction.INPUT),
            Partial(buffer, 0, size, Direction.OUTPUT),
        )
        target.write(buffer.view[:size])
        total += size
    return total


def run(source: Path, target: Path, *, direction: int, socket: str | None = None) -> int:
    with (
        Context(socket) as context,
        context.open_session(AES) as session,
        context.allocate(CHUNK) as buffer,
        source.open("rb", buffering=0) as reading,
        target.open("wb", buffering=0) as writing,
    ):
        prepare(session, direction, bytes(16))
        return cipher(session, buffer, reading, writing)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Encrypt or decrypt a file through teed.")
    parser.add_argument("direction", choices=["decrypt", "encrypt"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    how = ENCODE if options.direction == "encrypt" else DECODE
    try:
        if options.target.exists() and options.target.samefile(options.source):
            raise SystemExit("source and target are the same file")
        size = run(options.source, options.target, direction=how)
    except (OSError, TeedError) as why:
        raise SystemExit(f"{options.direction}: {why}") from None
    print(f"{options.direction}ed {size} bytes: {options.target}")
