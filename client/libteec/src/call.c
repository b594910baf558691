/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls: see call.h. */
#include "call.h"

#include "session.h"

enum { RUNNING = 1, CANCELLED_BEFORE = 0x7eedca11 };

static struct call *calls; /* under registry_lock */

bool call_begin(struct call *call)
{
    TEEC_Operation *operation = call->operation;
    bool cancelled;

    if (!operation)
        return true;
    cancelled = operation->started == CANCELLED_BEFORE;
    operation->started = RUNNING;
    operation->imp.session = NULL; /* the stock library would follow it */
    if (cancelled)
        return false;
    call->next = calls;
    calls = call;
    return true;
}

void call_end(struct call *call)
{
    struct call **link = &calls;

    if (!call->operation)
        return;
    while (*link != call)
        link = &(*link)->next;
    *link = call->next;
}

bool call_is_cancelled(const struct call *call)
{
    return atomic_load(&call->state) & CALL_CANCELLED;
}

void call_sent(struct call *call, uint32_t request)
{
    call->request = request;
    /* Whoever of the two comes second, the sender or who cancels, asks teed to cancel. */
    if (atomic_fetch_or(&call->state, CALL_SENT) & CALL_CANCELLED)
        request_cancel(&call->context->connection, call->number, request);
}

/* Under registry_lock. */
static struct call *find(const TEEC_Operation *operation)
{
    struct call *call = calls;

    while (call && call->operation != operation)
        call = call->next;
    return call;
}

void call_cancel(TEEC_Operation *operation)
{
    struct context *context = NULL;
    struct call *call;
    uint64_t number = NO_SESSION;
    uint32_t request = 0;

    pthread_mutex_lock(&registry_lock);
    call = find(operation);
    if (!call) {
        if (operation->started == 0)
            operation->started = CANCELLED_BEFORE;
    } else if (atomic_fetch_or(&call->state, CALL_CANCELLED) & CALL_SENT) {
        /* The call may end at any time from now on: take along what is needed of it. */
        context = call->context;
        context->references++;
        number = call->number;
        request = call->request;
    } else if (call->session) {
        session_wake(call->session);
    }
    pthread_mutex_unlock(&registry_lock);
    if (!context)
        return;
    request_cancel(&context->connection, number, request);
    context_release(context);
}

void call_forget_all(void)
{
    calls = NULL;
}
