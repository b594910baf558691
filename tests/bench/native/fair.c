/* A polite client, one call at a time, beside one whose many channels never stop.
 *
 *   fair PATH CHANNELS CALLS
 *
 * Told are the polite one's calls, and as the last number the calls that the other has made
 * meanwhile.  With no channels the polite one is alone. */
#include "calls.h"
#include "measure.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { WARM_UP = 20 };

static atomic_bool done;
static atomic_long greedy_calls;

static void *never_stop(void *channel)
{
    while (!atomic_load(&done)) {
        channel_call(channel);
        atomic_fetch_add_explicit(&greedy_calls, 1, memory_order_relaxed);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    long channels = number(argv[2]), calls = number(argv[3]);
    int64_t *latencies = room_for((size_t)calls + 1);
    struct client *greedy = client_open(argv[1]);
    struct channel *polite = channel_open(client_open(argv[1]));
    pthread_t thread;
    for (long i = 0; i < channels; i++)
        if (pthread_create(&thread, NULL, never_stop, channel_open(greedy)))
            die("pthread_create");
    for (int i = 0; i < WARM_UP; i++)
        channel_call(polite);
    long before = atomic_load(&greedy_calls);
    int64_t begin = now_ns();
    for (long i = 0; i < calls; i++) {
        int64_t start = now_ns();
        channel_call(polite);
        latencies[i] = now_ns() - start;
    }
    int64_t took = now_ns() - begin;
    latencies[calls] = atomic_load(&greedy_calls) - before;
    atomic_store(&done, true);
    tell(took, latencies, (size_t)calls + 1);
    _Exit(0); /* the others are in the midst of calls */
}
