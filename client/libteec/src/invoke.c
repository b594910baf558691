/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operations: see invoke.h.
 *
 * An error that did not come from the TEE leaves the operation as it was; what the TEE or the
 * application answered, good or bad, brings its outputs.
 */
#include "invoke.h"

#include "channel.h"
#include "descriptors.h"
#include "operation.h"

static struct outcome run(struct call *call, uint32_t command, TEEC_Operation *operation)
{
    struct arguments arguments;
    struct outcome answer;
    struct outcome outcome = arguments_prepare(&arguments, operation, call->context);

    if (failed(outcome))
        return outcome;
    outcome = channel_invoke(call, command, &arguments.parameters, &answer);
    if (!failed(outcome)) {
        arguments_return(&arguments, operation, call->context);
        outcome = answer;
    }
    arguments_release(&arguments, call->context);
    return outcome;
}

struct outcome operation_invoke(const TEEC_Session *theirs, uint32_t command,
                                TEEC_Operation *operation)
{
    struct call call = { .operation = operation };
    struct outcome outcome = session_enter(theirs, &call);

    if (failed(outcome))
        return outcome;
    outcome = run(&call, command, operation);
    session_leave(&call);
    return outcome;
}

/* Ask for the session, and wait for it. */
static struct outcome ask(struct call *call, const struct opening *opening,
                          struct parameters *parameters, struct opened *opened)
{
    struct connection *connection = &call->context->connection;
    struct exchange exchange;
    struct outcome outcome;

    if (call_is_cancelled(call))
        return withdrawn();
    request_open(connection, &exchange, opening, parameters);
    call_sent(call, exchange.id);
    outcome = request_opened(connection, &exchange, parameters, opened);
    if (failed(outcome) || failed(opened->answer))
        descriptor_close(opened->channel);
    return outcome;
}

static struct outcome open_session(struct call *call, TEEC_Session *session,
                                   const struct opening *opening, TEEC_Operation *operation)
{
    struct arguments arguments;
    struct opened opened;
    struct outcome outcome = arguments_prepare(&arguments, operation, call->context);

    if (failed(outcome))
        return outcome;
    outcome = ask(call, opening, &arguments.parameters, &opened);
    if (!failed(outcome)) {
        arguments_return(&arguments, operation, call->context);
        outcome = opened.answer;
    }
    arguments_release(&arguments, call->context);
    if (!failed(outcome)) {
        struct outcome made = session_make(call->context, &opened, session);

        if (failed(made))
            outcome = made; /* the origin of a success is the application's */
    }
    return outcome;
}

static struct outcome enter(const TEEC_Context *theirs, struct call *call)
{
    struct outcome outcome = context_hold((uint32_t)theirs->imp.fd, &call->context);
    bool begun;

    if (failed(outcome))
        return outcome;
    pthread_mutex_lock(&registry_lock);
    begun = call_begin(call);
    pthread_mutex_unlock(&registry_lock);
    if (begun)
        return outcome;
    context_release(call->context);
    return withdrawn();
}

static void leave(struct call *call)
{
    pthread_mutex_lock(&registry_lock);
    call_end(call);
    pthread_mutex_unlock(&registry_lock);
    context_release(call->context);
}

struct outcome operation_open(const TEEC_Context *theirs, TEEC_Session *session,
                              const struct opening *opening, TEEC_Operation *operation)
{
    struct call call = { .operation = operation, .number = NO_SESSION };
    struct outcome outcome = enter(theirs, &call);

    if (failed(outcome))
        return outcome;
    outcome = open_session(&call, session, opening, operation);
    leave(&call);
    return outcome;
}
