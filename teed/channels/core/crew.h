/* The crew's inside; what holds of it is said at the head of crew.c. */
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include "buffers.h"
#include "core.h"

struct teed_crew {
    struct teed_ops ops;
    void (*probe)(void *crew, int moment);
    unsigned size, spare;
    int epoll, bell, news;
    pthread_t *threads;
    unsigned started;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    unsigned alive, sleeping, may_be_long;
    struct teed_turns ready, patient;
    struct teed_channel **channels;
    size_t room;
    struct teed_channel *first_news, *last_news;
    uint64_t gathered_ns;
    struct teed_records records;
    uint64_t invocations;
};

/* Descriptors that came with a message that takes none. */
struct teed_rights {
    size_t count;
    int fds[TEED_MOST_FDS];
};

/* lines.c, under the lock */
void teed_line_up(struct teed_crew *crew, struct teed_channel *channel);
struct teed_work *teed_take(struct teed_crew *crew);
void teed_unqueue(struct teed_crew *crew, struct teed_channel *channel);
void teed_put_back(struct teed_crew *crew, struct teed_channel *channel, bool found);
void teed_ring_if_needed(struct teed_crew *crew);
void teed_tell(struct teed_crew *crew, struct teed_channel *channel, int what);

/* serve.c */
bool teed_serve(struct teed_crew *crew, struct teed_channel *channel, uint8_t *body);
bool teed_peek(const struct teed_channel *channel, struct teed_invoke *call, long *size);
#define TEED_RIGHTS (-2)
ssize_t teed_receive(struct teed_channel *channel, void *body, size_t size);
int teed_send(const struct teed_channel *channel, const uint8_t *body, size_t size);
void teed_lose(struct teed_crew *crew, struct teed_channel *channel, int why);
uint64_t teed_now_ns(void);
