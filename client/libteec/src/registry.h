/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this process has, by the handles that stand in the application's structures.
 *
 * The application may copy its TEEC_Context or TEEC_Session, use one that is closed, or never
 * initialise it.  So no pointer of ours is in there, but a handle: it finds what it was made
 * for, or nothing.
 *
 * registry_lock guards the tables, the count of references to each context and session, and
 * who is calling (call.h).  It is never held while sending, receiving or asking for memory.
 */
#ifndef LIBTEEC_REGISTRY_H
#define LIBTEEC_REGISTRY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

extern pthread_mutex_t registry_lock;

/* All handles have this bit, which no descriptor of the stock library ever has. */
#define HANDLE_BIT 0x40000000u

struct table {
    struct slot *slots;
    uint32_t count;
};

/* Under the lock, all of them. */
uint32_t table_add(struct table *table, void *object); /* 0 when there is no room */
void *table_find(const struct table *table, uint32_t handle);
void table_remove(struct table *table, uint32_t handle);

/* Call *visit* with every object, which it may remove. */
void table_visit(const struct table *table, void (*visit)(void *object, void *argument),
                 void *argument);

#endif
