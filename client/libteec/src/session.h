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
    unsigned int references; /* the registry's, and each call's */
    unsigned int process;
    struct context *context; /* held */
    uint32_t number;         /* at teed */
    uint32_t last_request;
    int channel;
    bool closed;
    struct call *first; /* it has the channel; those behind it wait */
    struct call **last;
    pthread_cond_t turn;
};

extern struct table sessions;

/*
 * Make a session of what was opened; it takes over the channel, and holds the context.  When
 * there is no memory, or no channel came, what was opened is closed again.
 */
bool session_make(struct context *context, const struct opened *opened,
                  TEEC_Session *theirs);
void session_close(const TEEC_Session *theirs);

/* Begin a call in the session and wait for its turn.  After success, session_leave(). */
struct outcome session_enter(const TEEC_Session *theirs, struct call *call);
void session_leave(struct call *call);

/* In turn: run a command.  *answer* is the TEE's, when it got one. */
struct outcome session_invoke(struct call *call, uint32_t command,
                              struct parameters *parameters, struct outcome *answer);

/* Whether the application's session is one of this library. */
bool session_is_ours(const TEEC_Session *theirs);

/* Under registry_lock: let those who wait look whether they were cancelled. */
void session_wake(struct session *session);

/* In the child of a fork(), under registry_lock: let go of the parent's channel. */
void session_forget(void *session);

#endif
