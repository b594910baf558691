"""One client of the trio kind, one call at a time: ``in_trio.py CALLS``."""

import sys
import time
from array import array

import trio

from teed_client.trio import open_context

WARM_UP = 100
APPLICATION = "74656564-0000-0000-0000-000000000000"


async def main(calls: int) -> None:
    now = time.perf_counter_ns
    latencies = array("q", bytes(8 * calls))
    async with open_context() as context, await context.open_session(APPLICATION) as session:
        for _ in range(WARM_UP):
            await session.invoke(1)
        begin = now()
        for index in range(calls):
            start = now()
            await session.invoke(1)
            latencies[index] = now() - start
        took = now() - begin
    sys.stdout.buffer.write(array("q", [took]).tobytes() + latencies.tobytes())


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]))
