"""Clients of the trio kind, tasks of one process: ``in_trio.py CLIENTS CALLS-OF-EACH``."""

import sys
import time
from array import array

import trio

from teed_client.trio import open_context

WARM_UP = 100
APPLICATION = "74656564-0000-0000-0000-000000000000"


async def main(clients: int, calls: int) -> None:
    rooms = [array("q", bytes(8 * calls)) for _ in range(clients)]
    gate = trio.Event()
    async with trio.open_nursery() as nursery:
        for room in rooms:
            await nursery.start(load, room, gate)
        begin = time.perf_counter_ns()
        gate.set()
    took = time.perf_counter_ns() - begin
    sys.stdout.buffer.write(array("q", [took]).tobytes())
    for room in rooms:
        sys.stdout.buffer.write(room.tobytes())


async def load(
    latencies: "array[int]", gate: trio.Event, task_status: "trio.TaskStatus[None]"
) -> None:
    """One client, with a connection of its own, which calls as soon as the gate is open."""
    now = time.perf_counter_ns
    async with open_context() as context, await context.open_session(APPLICATION) as session:
        for _ in range(WARM_UP):
            await session.invoke(1)
        task_status.started()
        await gate.wait()
        for index in range(len(latencies)):
            start = now()
            await session.invoke(1)
            latencies[index] = now() - start


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), int(sys.argv[2]))
