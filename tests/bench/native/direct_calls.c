/* Calls that go nowhere: the very function that `teed --tee noop` runs, in this process.
 *
 * The path says how many microseconds a call takes and how many may be inside at once, "30:2".
 * The others wait in line, first come, first served: about what Linux's driver does with
 * those who find no secure thread of OP-TEE's free.  "30:0" has no door at all. */
#include "calls.h"
#include "measure.h"

#include "core.h"

#include <pthread.h>

struct waiter {
    pthread_cond_t called;
    bool may_enter;
    struct waiter *next;
};

static struct {
    pthread_mutex_t lock;
    long free;
    struct waiter *first, **last;
} door = { .lock = PTHREAD_MUTEX_INITIALIZER, .last = &door.first };

struct client {
    uint64_t microseconds;
    bool has_door;
};

struct channel {
    struct client *client;
    struct waiter waiter;
};

uint64_t teed_now_ns(void)
{
    return (uint64_t)now_ns();
}

static void enter(struct waiter *waiter)
{
    pthread_mutex_lock(&door.lock);
    if (door.free > 0) {
        door.free--;
    } else {
        waiter->may_enter = false;
        waiter->next = NULL;
        *door.last = waiter;
        door.last = &waiter->next;
        while (!waiter->may_enter)
            pthread_cond_wait(&waiter->called, &door.lock);
    }
    pthread_mutex_unlock(&door.lock);
}

static void leave(void)
{
    pthread_mutex_lock(&door.lock);
    struct waiter *next = door.first;
    if (next) {
        door.first = next->next;
        if (!door.first)
            door.last = &door.first;
        next->may_enter = true;
        pthread_cond_signal(&next->called);
    } else {
        door.free++;
    }
    pthread_mutex_unlock(&door.lock);
}

struct client *client_open(const char *path)
{
    struct client *client = malloc(sizeof(*client));
    long microseconds, threads;
    if (!client || sscanf(path, "%ld:%ld", &microseconds, &threads) != 2)
        die(path);
    client->microseconds = (uint64_t)microseconds;
    client->has_door = threads > 0;
    door.free = threads; /* every client says the same, before there is a call */
    return client;
}

struct channel *channel_open(struct client *client)
{
    struct channel *channel = calloc(1, sizeof(*channel));
    if (!channel)
        die("calloc");
    channel->client = client;
    pthread_cond_init(&channel->waiter.called, NULL);
    return channel;
}

void channel_call(struct channel *channel)
{
    struct teed_invoke call = { 0 };
    if (channel->client->has_door)
        enter(&channel->waiter);
    teed_noop((void *)(uintptr_t)channel->client->microseconds, &call);
    if (channel->client->has_door)
        leave();
}
