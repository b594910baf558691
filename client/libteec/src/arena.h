/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One buffer that the TEE knows already, and that many have blocks of, side by side: temporary
 * references for the time of one call, and small shared memory.
 *
 * What has a block there registers nothing, and asks teed for nothing.  The buffer is asked
 * for when it is first needed.  Who has a block is written down in the taker's own
 * `struct block`: the arena allocates nothing.
 */
#ifndef LIBTEEC_ARENA_H
#define LIBTEEC_ARENA_H

#include "mapping.h"

struct block {
    struct block *next;
    size_t start;
    size_t size; /* 0 for no block */
};

struct arena {
    pthread_mutex_t lock; /* held while the buffer is made: all who come have to wait */
    struct mapping memory;
    size_t size;          /* to ask for */
    struct block *blocks; /* taken, in their order */
};

void arena_init(struct arena *arena, size_t size);

/* How much of an arena *size* bytes take: whole cache lines, and never nothing. */
size_t arena_room(size_t size);

/* Take *size* bytes; they are not there when block->size is 0, which is no failure. */
struct outcome arena_take(struct arena *arena, struct connection *connection,
                          struct block *block, size_t size);
void arena_give_back(struct arena *arena, struct block *block);

/* The block that begins at this address, or NULL. */
struct block *arena_find(struct arena *arena, const uint8_t *at);

/* Unmap the buffer but for blocks that are taken; teed takes it back with the connection. */
void arena_destroy(struct arena *arena);

#endif
