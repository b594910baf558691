"""Sending and receiving packets without holding up other tasks."""

import socket

import trio

from teed_client import packets
from teed_client.answer import Packet


async def receive(connection: socket.socket) -> Packet:
    """The next packet, with an empty body when the peer has hung up.

    Cancelled, it has taken nothing.
    """
    await trio.lowlevel.wait_readable(connection)
    return packets.receive(connection)


async def send(connection: socket.socket, packet: bytes, descriptor: int | None = None) -> None:
    """Send a packet.  Cancelled, it has not been sent; a checkpoint only if it has to wait."""
    while True:
        try:
            return packets.send(connection, packet, descriptor)
        except BlockingIOError:
            await trio.lowlevel.wait_writable(connection)


def close(connection: socket.socket) -> None:
    """Close it; a task that waits there gets ClosedResourceError."""
    trio.lowlevel.notify_closing(connection)
    connection.close()
