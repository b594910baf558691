"""Shared memory from teed, and back again: ``allocating.py BYTES TIMES``."""

import sys
import time
from array import array

from teed_client import Context


def main(size: int, times: int) -> None:
    now = time.perf_counter_ns
    latencies = array("q", bytes(8 * times))
    with Context() as context:
        begin = now()
        for index in range(times):
            start = now()
            context.allocate(size).release()
            latencies[index] = now() - start
        took = now() - begin
    sys.stdout.buffer.write(array("q", [took]).tobytes() + latencies.tobytes())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
