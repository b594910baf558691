/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A context: one control connection, and the memory that its calls and its user share out.
 *
 * It lives as long as somebody refers to it: the registry until TEEC_FinalizeContext(), its
 * sessions, and each call under way.
 */
#ifndef LIBTEEC_CONTEXT_H
#define LIBTEEC_CONTEXT_H

#include "arena.h"
#include "registry.h"

struct context {
    unsigned int references; /* under registry_lock */
    unsigned int process;    /* which process made it, see process.h */
    uint32_t handle;
    bool closed; /* under registry_lock */
    bool reg_mem;
    bool memref_null;
    struct connection connection;
    struct arena arena; /* for temporary references */
    struct arena small; /* for shared memory that is small: see memory.h */
    pthread_mutex_t copying; /* shadows are copied one at a time; guards what follows */
    struct place *outputs;   /* in shadows, of calls under way: see operation.h */
};

extern struct table contexts;

/* Connect to teed; -errno in *refused* when nobody could be connected to. */
struct outcome context_open(const char *name, TEEC_Context *context, int *refused);

/* Hang up, and end the sessions that are still open; calls under way in them end by it. */
void context_close(TEEC_Context *context);

/* Refer to a context, until context_release(). */
struct outcome context_hold(uint32_t handle, struct context **held);
struct context *context_try(uint32_t handle); /* the same; NULL and no word when it fails */
void context_release(struct context *context);

#endif
