/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations under way, so that another thread can cancel them.
 *
 * A call is found by the address of its TEEC_Operation, not by what stands in it: the
 * operation may be over, and its session gone, when the cancellation comes.  Of `started`
 * the application makes 0, a call that begins makes RUNNING, and a cancellation that comes
 * before its call leaves CANCELLED_BEFORE there for it to find.
 */
#ifndef LIBTEEC_CALL_H
#define LIBTEEC_CALL_H

#include <stdatomic.h>

#include "context.h"

struct session;

/* One call under way.  It lives on the stack of the thread that makes it. */
struct call {
    struct call *next;        /* of all calls */
    struct call *behind;      /* in the same session */
    TEEC_Operation *operation; /* or NULL: nobody can cancel it */
    struct context *context;
    struct session *session; /* NULL for an opening */
    uint64_t number;         /* of the session at teed, or NO_SESSION */
    uint32_t request;        /* set before SENT is */
    atomic_uint state;       /* of the two flags below */
};

enum { CALL_SENT = 1, CALL_CANCELLED = 2 };

/* Under registry_lock: list the call; false when it was cancelled before. */
bool call_begin(struct call *call);
void call_end(struct call *call);

bool call_is_cancelled(const struct call *call);

/* The request is on its way: a cancellation that came in the meantime follows it. */
void call_sent(struct call *call, uint32_t request);

void call_cancel(TEEC_Operation *operation);

/* In the child of a fork(), under registry_lock: the threads that called are not here. */
void call_forget_all(void);

/* A call that was not sent, because it was cancelled. */
static inline struct outcome withdrawn(void)
{
    return ended(TEEC_ERROR_CANCEL, TEEC_ORIGIN_COMMS);
}

#endif
