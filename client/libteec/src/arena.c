/* SPDX-License-Identifier: BSD-2-Clause */
/* The arena: see arena.h. */
#include "arena.h"

#include <sys/mman.h>

enum { CACHE_LINE = 64 };

void arena_init(struct arena *arena, size_t size)
{
    *arena = (struct arena){ .size = size };
    pthread_mutex_init(&arena->lock, NULL);
}

static void unmap(uint8_t *from, const uint8_t *to)
{
    if (from && from < to)
        munmap(from, (size_t)(to - from));
}

void arena_destroy(struct arena *arena)
{
    uint8_t *from = arena->memory.at;

    for (const struct block *block = arena->blocks; block; block = block->next) {
        unmap(from, arena->memory.at + block->start);
        from = arena->memory.at + block->start + block->size;
    }
    unmap(from, arena->memory.at + arena->memory.size);
    pthread_mutex_destroy(&arena->lock);
}

size_t arena_room(size_t size)
{
    if (size > SIZE_MAX - CACHE_LINE)
        return SIZE_MAX; /* fits nowhere */
    return size ? (size + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1) : CACHE_LINE;
}

/* Under the lock: put the block into the first gap that is big enough. */
static void place(struct arena *arena, struct block *block, size_t size)
{
    struct block **link = &arena->blocks;
    size_t start = 0;

    while (*link && (*link)->start - start < size) {
        start = (*link)->start + (*link)->size;
        link = &(*link)->next;
    }
    if (!*link && arena->memory.size - start < size)
        return;
    *block = (struct block){ .next = *link, .start = start, .size = size };
    *link = block;
}

struct outcome arena_take(struct arena *arena, struct connection *connection,
                          struct block *block, size_t size)
{
    struct outcome outcome = went_well();

    block->size = 0;
    if (size > arena->size)
        return outcome;
    pthread_mutex_lock(&arena->lock);
    if (!arena->memory.at)
        outcome = mapping_make(connection, arena->size, &arena->memory);
    if (!failed(outcome))
        place(arena, block, size);
    pthread_mutex_unlock(&arena->lock);
    return outcome;
}

struct block *arena_find(struct arena *arena, const uint8_t *at)
{
    struct block *block;

    pthread_mutex_lock(&arena->lock);
    block = arena->blocks;
    while (block && arena->memory.at + block->start != at)
        block = block->next;
    pthread_mutex_unlock(&arena->lock);
    return block;
}

void arena_give_back(struct arena *arena, struct block *block)
{
    struct block **link = &arena->blocks;

    if (!block->size)
        return;
    pthread_mutex_lock(&arena->lock);
    while (*link != block)
        link = &(*link)->next;
    *link = block->next;
    pthread_mutex_unlock(&arena->lock);
}
