"""The load, in Python: ``blocking.py CLIENTS CALLS-OF-EACH``, each client a process.

Processes and not threads, which would wait for one another's GIL and not for teed.  They are
forked before they connect, and share the memory that their latencies go into.
"""

import mmap
import os
import sys
import time
from array import array

from teed_client import Context

WARM_UP = 100
APPLICATION = "74656564-0000-0000-0000-000000000000"


def main() -> int:
    clients, calls = int(sys.argv[1]), int(sys.argv[2])
    room = memoryview(mmap.mmap(-1, 8 * clients * (calls + 2))).cast("q")
    opened, gate = os.pipe()
    ready, done = os.pipe()
    children = []
    for number in range(clients):
        child = os.fork()
        if child == 0:
            os.close(gate)
            load(room[number * (calls + 2) :][: calls + 2], done, opened)
            os._exit(0)
        children.append(child)
    os.close(done)
    for _ in children:
        if not os.read(ready, 1):
            break  # they have all ended, and some of them badly
    os.close(gate)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    if any(statuses):
        return 1
    tell(room, clients)
    return 0


def load(room: memoryview, ready: int, opened: int) -> None:
    """One client; *room* is for its latencies, and for when it began and ended."""
    now = time.perf_counter_ns
    with Context() as context, context.open_session(APPLICATION) as session:
        invoke = session.invoke
        for _ in range(WARM_UP):
            invoke(1)
        os.write(ready, b"!")
        os.read(opened, 1)  # until the gate is closed, so open
        room[-2] = now()
        for index in range(len(room) - 2):
            start = now()
            invoke(1)
            room[index] = now() - start
        room[-1] = now()


def tell(room: memoryview, clients: int) -> None:
    """Write what was measured, as processes.py has it."""
    each = len(room) // clients
    ones = [room[number * each :][:each] for number in range(clients)]
    took = max(one[-1] for one in ones) - min(one[-2] for one in ones)
    sys.stdout.buffer.write(array("q", [took]).tobytes())
    for one in ones:
        sys.stdout.buffer.write(one[:-2].tobytes())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
