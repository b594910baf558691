/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles: see registry.h.
 *
 * A handle is the index of a slot, the slot's generation above it, and HANDLE_BIT.  A slot
 * that is used again gets the next generation, so an old handle finds nothing.
 */
#include "registry.h"

#include <stdlib.h>

pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;

enum { INDEX_BITS = 16, MOST_SLOTS = 1 << INDEX_BITS, GENERATION_MASK = 0x3fff };

struct slot {
    void *object; /* NULL when the slot is free */
    uint32_t generation;
};

static uint32_t handle_of(const struct table *table, uint32_t index)
{
    return HANDLE_BIT | table->slots[index].generation << INDEX_BITS | index;
}

static struct slot *slot_of(const struct table *table, uint32_t handle)
{
    uint32_t index = handle & (MOST_SLOTS - 1);

    if (index >= table->count || handle_of(table, index) != handle)
        return NULL;
    return &table->slots[index];
}

/* The index of a free slot; the table's end when there is none. */
static uint32_t free_slot(const struct table *table)
{
    uint32_t index = 0;

    while (index < table->count && table->slots[index].object)
        index++;
    return index;
}

static bool grow(struct table *table)
{
    uint32_t count = table->count ? 2 * table->count : 8;
    struct slot *slots;

    if (table->count == MOST_SLOTS)
        return false;
    slots = realloc(table->slots, count * sizeof(*slots));
    if (!slots)
        return false;
    for (uint32_t i = table->count; i < count; i++)
        slots[i] = (struct slot){ NULL, 0 };
    table->slots = slots;
    table->count = count;
    return true;
}

uint32_t table_add(struct table *table, void *object)
{
    uint32_t index = free_slot(table);
    struct slot *slot;

    if (index == table->count && !grow(table))
        return 0;
    slot = &table->slots[index];
    slot->object = object;
    slot->generation = (slot->generation + 1) & GENERATION_MASK;
    return handle_of(table, index);
}

void *table_find(const struct table *table, uint32_t handle)
{
    const struct slot *slot = slot_of(table, handle);

    return slot ? slot->object : NULL;
}

void table_remove(struct table *table, uint32_t handle)
{
    struct slot *slot = slot_of(table, handle);

    if (slot)
        slot->object = NULL;
}

void table_visit(const struct table *table, void (*visit)(void *object, void *argument),
                 void *argument)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (table->slots[i].object)
            visit(table->slots[i].object, argument);
}
