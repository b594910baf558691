/* The load: so many clients of one channel each, each a thread, each calling again and again.
 *
 *   load PATH CLIENTS CALLS-OF-EACH */
#include "calls.h"
#include "measure.h"

#include <pthread.h>

enum { WARM_UP = 100 };

static pthread_barrier_t ready;
static long calls;

struct worker {
    pthread_t thread;
    struct channel *channel;
    int64_t *latencies;
    int64_t start, end;
};

static void *work(void *data)
{
    struct worker *worker = data;
    for (int i = 0; i < WARM_UP; i++)
        channel_call(worker->channel);
    pthread_barrier_wait(&ready);
    worker->start = now_ns();
    for (long i = 0; i < calls; i++) {
        int64_t start = now_ns();
        channel_call(worker->channel);
        worker->latencies[i] = now_ns() - start;
    }
    worker->end = now_ns();
    return NULL;
}

/* From the first one's start to the last one's end. */
static int64_t wait_for(struct worker *workers, long clients)
{
    int64_t start = INT64_MAX, end = 0;
    for (long i = 0; i < clients; i++) {
        pthread_join(workers[i].thread, NULL);
        start = workers[i].start < start ? workers[i].start : start;
        end = workers[i].end > end ? workers[i].end : end;
    }
    return end - start;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    long clients = number(argv[2]);
    calls = number(argv[3]);
    int64_t *latencies = room_for((size_t)(clients * calls));
    struct worker *workers = calloc((size_t)clients, sizeof(*workers));
    pthread_barrier_init(&ready, NULL, (unsigned)clients);
    for (long i = 0; i < clients; i++) {
        workers[i].channel = channel_open(client_open(argv[1]));
        workers[i].latencies = latencies + i * calls;
    }
    for (long i = 0; i < clients; i++)
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
            die("pthread_create");
    tell(wait_for(workers, clients), latencies, (size_t)(clients * calls));
    return 0;
}
