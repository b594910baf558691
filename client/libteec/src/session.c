/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions: see session.h. */
#include "session.h"

#include <stdlib.h>

#include "descriptors.h"
#include "process.h"

struct table sessions;

/* Its address in imp.ctx marks a session of this library. */
static TEEC_Context mark = { .imp = { .fd = -1 } };

bool session_is_ours(const TEEC_Session *theirs)
{
    return theirs->imp.ctx == &mark;
}

static struct session *session_new(struct context *context, const struct opened *opened)
{
    struct session *session = malloc(sizeof(*session));

    if (!session)
        return NULL;
    *session = (struct session){ .references = 1,
                                 .process = this_process,
                                 .context = context,
                                 .number = opened->session,
                                 .channel = opened->channel };
    session->last = &session->first;
    pthread_cond_init(&session->turn, NULL);
    return session;
}

/* Under registry_lock: 0 when there is no room, or no context any more. */
static uint32_t enter_registry(struct session *session)
{
    if (session->context->closed)
        return 0;
    session->handle = table_add(&sessions, session);
    if (session->handle)
        session->context->references++;
    return session->handle;
}

struct outcome session_make(struct context *context, const struct opened *opened,
                            TEEC_Session *theirs)
{
    struct session *session = opened->channel < 0 ? NULL : session_new(context, opened);
    uint32_t handle;
    bool closed;

    pthread_mutex_lock(&registry_lock);
    handle = session ? enter_registry(session) : 0;
    closed = context->closed;
    pthread_mutex_unlock(&registry_lock);
    if (!handle) {
        free(session);
        request_close(&context->connection, opened->session);
        descriptor_close(opened->channel);
        return closed ? lost() : no_memory();
    }
    theirs->imp.ctx = &mark;
    theirs->imp.session_id = handle;
    return went_well();
}

/* Nobody has it any more. */
static void destroy(struct session *session)
{
    if (session->process == this_process) {
        descriptor_close(session->channel);
        pthread_cond_destroy(&session->turn);
    }
    context_release(session->context);
    free(session);
}

/* Under registry_lock: whether it is to be destroyed. */
static bool was_last(struct session *session)
{
    return --session->references == 0;
}

static void session_release(struct session *session)
{
    bool last;

    pthread_mutex_lock(&registry_lock);
    last = was_last(session);
    pthread_mutex_unlock(&registry_lock);
    if (last)
        destroy(session);
}

/* Under registry_lock: whoever waits for a turn is told. */
static void end(struct session *session)
{
    table_remove(&sessions, session->handle);
    session->closed = true;
    if (session->process == this_process) /* in a child nobody waits, and waking hangs */
        session_wake(session);
}

void session_close(const TEEC_Session *theirs)
{
    struct session *session = NULL;

    pthread_mutex_lock(&registry_lock);
    if (session_is_ours(theirs))
        session = table_find(&sessions, theirs->imp.session_id);
    if (session)
        end(session);
    pthread_mutex_unlock(&registry_lock);
    if (!session)
        return;
    if (session->process == this_process)
        request_close(&session->context->connection, session->number);
    session_release(session);
}

/* The sessions of a context, as they are taken out of the table. */
struct ending {
    const struct context *context;
    struct session *sessions;
};

static void end_one(void *object, void *argument)
{
    struct session *session = object;
    struct ending *ending = argument;

    if (session->context != ending->context)
        return;
    end(session);
    session->idle = !session->first;
    session->next = ending->sessions;
    ending->sessions = session;
}

/*
 * As when the stock library closes the device: sessions without a call are closed before this
 * returns, those with one when that is over, which is up to teed once the connection is gone.
 */
void session_close_all(struct context *context)
{
    struct ending ending = { .context = context };
    struct session *session;

    pthread_mutex_lock(&registry_lock);
    table_visit(&sessions, end_one, &ending);
    pthread_mutex_unlock(&registry_lock);
    while ((session = ending.sessions)) {
        ending.sessions = session->next;
        if (session->idle && session->process == this_process)
            request_close(&context->connection, session->number);
        session_release(session);
    }
}

/* Under registry_lock. */
static void leave(struct session *session, struct call *call)
{
    struct call **link = &session->first;

    while (*link != call)
        link = &(*link)->behind;
    *link = call->behind;
    if (session->last == &call->behind)
        session->last = link;
    call_end(call);
    session_wake(session);
}

/* Under registry_lock, which is given up while waiting. */
static struct outcome wait_for_turn(struct session *session, struct call *call)
{
    session->references++;
    call->session = session;
    call->context = session->context;
    call->number = session->number;
    call->behind = NULL;
    *session->last = call;
    session->last = &call->behind;
    while (session->first != call && !call_is_cancelled(call) && !session->closed)
        pthread_cond_wait(&session->turn, &registry_lock);
    if (call_is_cancelled(call))
        return withdrawn();
    return session->closed ? not_ours() : went_well();
}

struct outcome session_enter(const TEEC_Session *theirs, struct call *call)
{
    struct outcome outcome = not_ours();
    struct session *session = NULL;
    bool entered = false;

    pthread_mutex_lock(&registry_lock);
    if (session_is_ours(theirs))
        session = table_find(&sessions, theirs->imp.session_id);
    if (session && session->process != this_process) {
        outcome = parents();
    } else if (session && !call_begin(call)) {
        outcome = withdrawn();
    } else if (session) {
        entered = true;
        outcome = wait_for_turn(session, call);
    }
    if (entered && failed(outcome))
        leave(session, call);
    pthread_mutex_unlock(&registry_lock);
    if (entered && failed(outcome))
        session_release(session);
    return outcome;
}

void session_leave(struct call *call)
{
    struct session *session = call->session;
    bool last;

    pthread_mutex_lock(&registry_lock);
    leave(session, call);
    last = was_last(session);
    pthread_mutex_unlock(&registry_lock);
    if (last)
        destroy(session);
}

void session_wake(struct session *session)
{
    if (session->first)
        pthread_cond_broadcast(&session->turn);
}
