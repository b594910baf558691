/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions: see session.h. */
#include "session.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

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

bool session_make(struct context *context, const struct opened *opened, TEEC_Session *theirs)
{
    struct session *session = opened->channel < 0 ? NULL : session_new(context, opened);
    uint32_t handle = 0;

    pthread_mutex_lock(&registry_lock);
    if (session)
        handle = table_add(&sessions, session);
    if (handle)
        context->references++;
    pthread_mutex_unlock(&registry_lock);
    if (!handle) {
        free(session);
        request_close(&context->connection, opened->session);
        if (opened->channel >= 0)
            close(opened->channel);
        return false;
    }
    theirs->imp.ctx = &mark;
    theirs->imp.session_id = handle;
    return true;
}

static void session_release(struct session *session)
{
    bool last;

    pthread_mutex_lock(&registry_lock);
    last = --session->references == 0;
    pthread_mutex_unlock(&registry_lock);
    if (!last)
        return;
    if (session->process == this_process) {
        close(session->channel);
        pthread_cond_destroy(&session->turn);
    }
    context_release(session->context);
    free(session);
}

void session_close(const TEEC_Session *theirs)
{
    uint32_t handle = theirs->imp.session_id;
    struct session *session = NULL;

    pthread_mutex_lock(&registry_lock);
    if (session_is_ours(theirs))
        session = table_find(&sessions, handle);
    if (session) {
        table_remove(&sessions, handle);
        session->closed = true;
        if (session->process == this_process) /* in a child nobody waits, and waking hangs */
            session_wake(session);
    }
    pthread_mutex_unlock(&registry_lock);
    if (!session)
        return;
    if (session->process == this_process)
        request_close(&session->context->connection, session->number);
    session_release(session);
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
    pthread_mutex_lock(&registry_lock);
    leave(call->session, call);
    pthread_mutex_unlock(&registry_lock);
    session_release(call->session);
}

void session_wake(struct session *session)
{
    if (session->first)
        pthread_cond_broadcast(&session->turn);
}

/* [result, origin, parameters], or why there is none. */
static struct outcome read_answer(struct packet *packet, uint32_t request,
                                  struct parameters *parameters, struct outcome *answer)
{
    struct reader reader = { .at = packet->bytes, .end = packet->bytes + packet->size };
    struct outcome outcome;
    uint32_t id;

    switch (message_read(&reader, &id, &outcome)) {
    case HEARD_GOODBYE:
        return outcome;
    case HEARD_NONSENSE:
        return lost();
    case HEARD_RESPONSE:
        break;
    }
    if (id != request)
        return lost();
    if (failed(outcome))
        return outcome;
    if (get_array(&reader) < 3)
        return lost();
    answer->code = get_number32(&reader);
    answer->origin = get_number32(&reader);
    get_parameters(&reader, parameters);
    return reader.broken ? lost() : outcome;
}

struct outcome session_invoke(struct call *call, uint32_t command,
                              struct parameters *parameters, struct outcome *answer)
{
    struct session *session = call->session;
    uint32_t request = ++session->last_request;
    uint8_t space[REQUEST_ROOM];
    struct writer writer = request_begin(space, request, "invoke", 2);
    struct packet packet;
    struct outcome outcome = lost();

    put_number(&writer, command);
    put_parameters(&writer, parameters);
    if (call_is_cancelled(call))
        return withdrawn();
    if (!packet_send(session->channel, space, (size_t)(writer.at - space), -1))
        return lost();
    call_sent(call, request);
    if (packet_receive(session->channel, &packet)) {
        outcome = read_answer(&packet, request, parameters, answer);
        packet_drop_fd(&packet);
    }
    if (outcome.code == TEEC_ERROR_COMMUNICATION)
        shutdown(session->channel, SHUT_RDWR); /* out of step: nobody hears it again */
    return outcome;
}

void session_forget(void *object)
{
    struct session *session = object;

    if (session->process != this_process)
        return;
    close(session->channel);
    session->channel = -1;
}
