/* SPDX-License-Identifier: BSD-2-Clause */
/* The control connection: see connection.h. */
#define _GNU_SOURCE
#include "connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "descriptors.h"

enum { MOST_OUTSTANDING = 64, KEPT_FOR_URGENT = 16 };

void connection_init(struct connection *connection, int fd)
{
    *connection = (struct connection){ .fd = fd };
    pthread_mutex_init(&connection->lock, NULL);
    pthread_cond_init(&connection->news, NULL);
}

void connection_destroy(struct connection *connection)
{
    descriptor_close(connection->fd);
    pthread_cond_destroy(&connection->news);
    pthread_mutex_destroy(&connection->lock);
}

/* Under the lock.  The first reason is the one that is told. */
static void end(struct connection *connection, struct outcome why)
{
    if (!connection->over)
        connection->end = why;
    connection->over = true;
    shutdown(connection->fd, SHUT_RDWR);
    pthread_cond_broadcast(&connection->news);
}

void connection_hang_up(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    end(connection, lost());
    pthread_mutex_unlock(&connection->lock);
}

bool connection_is_over(const struct connection *connection)
{
    char byte;
    ssize_t there = recvfrom(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT, NULL, NULL);

    return there == 0 || (there < 0 && errno != EAGAIN && errno != EINTR);
}

void exchange_begin(struct connection *connection, struct exchange *exchange, bool urgent)
{
    unsigned int most = urgent ? MOST_OUTSTANDING : MOST_OUTSTANDING - KEPT_FOR_URGENT;

    pthread_mutex_lock(&connection->lock);
    while (connection->outstanding >= most && !connection->over)
        pthread_cond_wait(&connection->news, &connection->lock);
    exchange->id = ++connection->last_id;
    exchange->answered = false;
    exchange->answer.fd = -1;
    exchange->next = connection->waiting;
    connection->waiting = exchange;
    connection->outstanding++;
    pthread_mutex_unlock(&connection->lock);
}

void exchange_send(struct connection *connection, struct exchange *exchange,
                   const uint8_t *request, const struct writer *end_of, int fd)
{
    size_t size = (size_t)(end_of->at - request);

    if (!end_of->broken && packet_send(connection->fd, request, size, fd))
        return;
    pthread_mutex_lock(&connection->lock);
    exchange->outcome = lost();
    exchange->answered = true;
    pthread_mutex_unlock(&connection->lock);
}

/* Under the lock.  Give an answer to the one who waits for it; it owns the descriptor then. */
static void hand_over(struct connection *connection, uint32_t id, struct outcome outcome,
                      const struct reader *reader, struct packet *packet)
{
    struct exchange *exchange = connection->waiting;

    while (exchange && (exchange->id != id || exchange->answered))
        exchange = exchange->next;
    if (!exchange) {
        end(connection, lost()); /* an answer that nobody asked for */
        return;
    }
    exchange->outcome = outcome;
    exchange->answer.fd = packet_take_fd(packet);
    exchange->answer.size = packet->size;
    memcpy(exchange->answer.bytes, packet->bytes, packet->size);
    exchange->result.at = exchange->answer.bytes + (reader->at - packet->bytes);
    exchange->result.end = exchange->answer.bytes + packet->size;
    exchange->result.broken = false;
    exchange->answered = true;
    pthread_cond_broadcast(&connection->news);
}

/* Under the lock, which is given up while waiting for the packet. */
static void read_one(struct connection *connection)
{
    struct packet packet;
    struct reader reader;
    struct outcome outcome;
    uint32_t id;
    bool there;

    connection->reading = true;
    pthread_mutex_unlock(&connection->lock);
    there = packet_receive(connection->fd, &packet);
    pthread_mutex_lock(&connection->lock);
    connection->reading = false;
    if (!there) {
        end(connection, lost());
        return;
    }
    reader = (struct reader){ .at = packet.bytes, .end = packet.bytes + packet.size };
    switch (message_read(&reader, &id, &outcome)) {
    case HEARD_RESPONSE:
        hand_over(connection, id, outcome, &reader, &packet);
        break;
    case HEARD_GOODBYE:
        end(connection, outcome);
        break;
    case HEARD_NONSENSE:
        end(connection, lost());
        break;
    }
    packet_drop_fd(&packet);
}

/* Under the lock. */
static void leave(struct connection *connection, struct exchange *exchange)
{
    struct exchange **link = &connection->waiting;

    while (*link != exchange)
        link = &(*link)->next;
    *link = exchange->next;
    connection->outstanding--;
    /* Somebody may wait for the place, and somebody has to read on. */
    pthread_cond_broadcast(&connection->news);
}

struct outcome exchange_wait(struct connection *connection, struct exchange *exchange)
{
    pthread_mutex_lock(&connection->lock);
    while (!exchange->answered && !connection->over) {
        if (connection->reading)
            pthread_cond_wait(&connection->news, &connection->lock);
        else
            read_one(connection);
    }
    if (!exchange->answered)
        exchange->outcome = connection->end;
    leave(connection, exchange);
    pthread_mutex_unlock(&connection->lock);
    return exchange->outcome;
}
