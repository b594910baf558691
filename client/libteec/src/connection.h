/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control connection: many threads ask, answers come in any order.
 *
 * There is no thread of the library's own.  Of the threads that wait for an answer one reads
 * the connection for all; what it reads it hands to whoever waits for it, and when it has its
 * own it leaves the reading to another.
 */
#ifndef LIBTEEC_CONNECTION_H
#define LIBTEEC_CONNECTION_H

#include <pthread.h>
#include <stdbool.h>

#include "message.h"
#include "packet.h"

struct connection {
    int fd;
    pthread_mutex_t lock; /* guards what follows; never held while sending or receiving */
    pthread_cond_t news;
    struct exchange *waiting;
    unsigned int outstanding;
    uint32_t last_id;
    bool reading;
    bool over;
    struct outcome end; /* what everybody is told when it is over */
};

/* One request and its answer.  It lives on the stack of the thread that asks. */
struct exchange {
    struct exchange *next;
    uint32_t id;
    bool answered;
    struct outcome outcome;
    struct reader result; /* into `answer` */
    struct packet answer; /* its descriptor is the asker's to take or to drop */
};

void connection_init(struct connection *connection, int fd);

/* Wake whoever waits; the descriptor stays open until connection_destroy(). */
void connection_hang_up(struct connection *connection);
void connection_destroy(struct connection *connection);

/* Whether teed has hung up, and said all that it had to say. */
bool connection_is_over(const struct connection *connection);

/*
 * Take part: an id for a request, and a place among those who wait.  teed allows 64 requests
 * at a time; some are kept for *urgent* ones, which must not wait for the slow ones.
 */
void exchange_begin(struct connection *connection, struct exchange *exchange, bool urgent);

/* Send the request, and *fd* unless it is -1; a failure is told by exchange_wait(). */
void exchange_send(struct connection *connection, struct exchange *exchange,
                   const uint8_t *request, const struct writer *end, int fd);

/* Wait for the answer.  Every exchange that was begun is waited for. */
struct outcome exchange_wait(struct connection *connection, struct exchange *exchange);

#endif
