/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stalls call MS: a session runs a call of MS milliseconds, and a second such call of the same
 * session waits behind it.  Prints how long an empty call of another session takes, and how
 * long the first one took.
 *
 * stalls cancel MS: two sessions run such a call each.  Prints how long it takes to ask for the
 * cancellation of the first, and until that one has ended.
 *
 * stalls deceived MS: the same, when the command was brief the eight times before.
 */
#include <pthread.h>

#include "bench.h"

enum { BRIEF_RUNS = 8, ENTERED_MS = 300, UNMASKED = 1 };

static TEEC_Context context;

/* A call that waits, in a thread of its own. */
struct call {
    TEEC_Session *session;
    TEEC_Operation operation;
    TEEC_Result code;
    uint64_t began;
    uint64_t ended;
    pthread_t thread;
};

static void wait_for(struct call *call, TEEC_Session *session, uint32_t milliseconds)
{
    uint32_t origin;

    call->session = session;
    call->operation.paramTypes = TEEC_VALUE_INPUT;
    call->operation.params[0].value = (TEEC_Value){ milliseconds, UNMASKED };
    call->began = now();
    call->code = TEEC_InvokeCommand(session, WAIT, &call->operation, &origin);
    call->ended = now();
}

static uint32_t long_ms;

static void *run(void *data)
{
    struct call *call = data;

    wait_for(call, call->session, long_ms);
    return NULL;
}

/* Nobody says when a call is inside the TEE; this is long enough for it. */
static void start(struct call *call, TEEC_Session *session)
{
    call->session = session;
    CHECK(pthread_create(&call->thread, NULL, run, call) == 0);
    pause_ms(ENTERED_MS);
}

static void stall_call(TEEC_Session *busy, TEEC_Session *other)
{
    struct call first = { 0 }, second = { 0 };
    uint64_t began, took;

    for (int i = 0; i < BRIEF_RUNS + 2; i++)
        call_nothing(other);
    start(&first, busy);
    start(&second, busy);
    began = now();
    call_nothing(other);
    took = now() - began;
    pthread_join(first.thread, NULL);
    pthread_join(second.thread, NULL);
    CHECK(first.code == TEEC_SUCCESS && second.code == TEEC_SUCCESS);
    printf("%" PRIu64 " %" PRIu64 "\n", took, first.ended - first.began);
}

static void stall_cancel(TEEC_Session *one, TEEC_Session *other)
{
    struct call first = { 0 }, second = { 0 };
    uint64_t began, asked;

    start(&first, one);
    start(&second, other);
    began = now();
    TEEC_RequestCancellation(&first.operation);
    asked = now();
    pthread_join(first.thread, NULL);
    printf("%" PRIu64 " %" PRIu64 "\n", asked - began, first.ended - began);
    TEEC_RequestCancellation(&second.operation);
    pthread_join(second.thread, NULL);
    CHECK(first.code == TEEC_ERROR_CANCEL || first.code == TEEC_SUCCESS);
}

static void stall_deceived(TEEC_Session *one, TEEC_Session *other)
{
    struct call brief = { 0 };

    for (int i = 0; i < BRIEF_RUNS; i++) {
        wait_for(&brief, one, 0);
        CHECK(brief.code == TEEC_SUCCESS);
    }
    stall_cancel(one, other);
}

int main(int count, char **arguments)
{
    TEEC_Session one, other;

    CHECK(count == 3);
    long_ms = (uint32_t)strtoul(arguments[2], NULL, 10);
    CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
    open_session(&context, &one, &TEST);
    open_session(&context, &other, &TEST);
    if (strcmp(arguments[1], "call") == 0)
        stall_call(&one, &other);
    else if (strcmp(arguments[1], "cancel") == 0)
        stall_cancel(&one, &other);
    else
        stall_deceived(&one, &other);
    TEEC_CloseSession(&other);
    TEEC_CloseSession(&one);
    TEEC_FinalizeContext(&context);
    return 0;
}
