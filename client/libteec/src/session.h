/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session: its channel, over which one request goes at a time.
 *
 * Threads that call in one session wait for each other in the order in which they came.
 * Everything here but the channel's traffic is under registry_lock.
 */
#ifndef LIBTEEC_SESSION_H
#define LIBTEEC_SESSION_H

#include "call.h"

struct session {
    struct session *next;    /* of those that end together */
    unsigned int references; /* the registry's, and each call's */
    unsigned int process;
    uint32_t handle;
    struct context *context; /* held */
    uint32_t number;         /* at teed */
    uint32_t last_request;
    int channel;
    bool closed;
    bool idle; /* when its context was closed */
    struct call *first; /* it has the channel; those behind it wait */
    struct call **last;
    pthread_cond_t turn;
};

extern struct table sessions;

/*
 * Make a session of what was opened; it takes over the channel, and holds the context.  When
 * there is no memory, no channel came, or the context was closed, it is closed again.
 */
struct outcome session_make(struct context *context, const struct opened *opened,
                            TEEC_Session *theirs);
void session_close(const TEEC_Session *theirs);

/* End what the application left open in a context that is closed. */
void session_close_all(struct context *context);

/* Begin a call in the session and wait for its turn.  After success, session_leave(). */
struct outcome session_enter(const TEEC_Session *theirs, struct call *call);
void session_leave(struct call *call);

/* Whether the application's session is one of this library. */
bool session_is_ours(const TEEC_Session *theirs);

/* Under registry_lock: let those who wait look whether they were cancelled. */
void session_wake(struct session *session);

#endif
