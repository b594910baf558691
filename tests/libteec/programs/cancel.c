/* SPDX-License-Identifier: BSD-2-Clause */
/* Cancellation: before, while and after an operation waits or runs; one of them by name. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "check.h"

enum { FOREVER = 600000, RACES = 150 };

static TEEC_Context context;

static void open_session(TEEC_Session *session)
{
    uint32_t origin;

    CHECK(TEEC_OpenSession(&context, session, &TEST, TEEC_LOGIN_PUBLIC, NULL, NULL,
                           &origin) == TEEC_SUCCESS);
}

static void set_wait(TEEC_Operation *operation, uint32_t milliseconds)
{
    memset(operation, 0, sizeof(*operation));
    operation->paramTypes = TEEC_VALUE_INPUT;
    operation->params[0].value = (TEEC_Value){ milliseconds, 1 }; /* 1: may be cancelled */
}

/* How often COUNT ran in the session, this time included. */
static uint32_t count(TEEC_Session *session)
{
    TEEC_Operation operation = { .paramTypes = TEEC_VALUE_OUTPUT };
    uint32_t origin;

    CHECK(TEEC_InvokeCommand(session, COUNT, &operation, &origin) == TEEC_SUCCESS);
    return operation.params[0].value.a;
}

/* An invocation in a thread of its own. */
struct call {
    TEEC_Session *session;
    TEEC_Operation operation;
    pthread_t thread;
    TEEC_Result code;
    uint32_t origin;
};

static void *run_call(void *argument)
{
    struct call *call = argument;

    call->code = TEEC_InvokeCommand(call->session, WAIT, &call->operation, &call->origin);
    return NULL;
}

static void start(struct call *call, TEEC_Session *session)
{
    call->session = session;
    set_wait(&call->operation, FOREVER);
    CHECK(pthread_create(&call->thread, NULL, run_call, call) == 0);
}

static void expect_cancelled(struct call *call)
{
    pthread_join(call->thread, NULL);
    CHECK(call->code == TEEC_ERROR_CANCEL);
}

static void before(void)
{
    TEEC_Operation operation = { .paramTypes = TEEC_VALUE_OUTPUT };
    TEEC_Session session;
    uint32_t origin = 0;

    open_session(&session);
    TEEC_RequestCancellation(&operation);
    CHECK(TEEC_InvokeCommand(&session, COUNT, &operation, &origin) == TEEC_ERROR_CANCEL);
    CHECK(origin == TEEC_ORIGIN_COMMS);
    CHECK(count(&session) == 1); /* it did not run */
    CHECK(TEEC_InvokeCommand(&session, COUNT, &operation, &origin) == TEEC_SUCCESS);
    CHECK(operation.params[0].value.a == 2); /* a cancellation is good for one time */
    TEEC_CloseSession(&session);
}

static void before_opening(void)
{
    TEEC_Operation operation = { 0 };
    TEEC_Session session;
    uint32_t origin = 0;

    TEEC_RequestCancellation(&operation);
    CHECK(TEEC_OpenSession(&context, &session, &TEST, TEEC_LOGIN_PUBLIC, NULL, &operation,
                           &origin) == TEEC_ERROR_CANCEL);
    CHECK(origin == TEEC_ORIGIN_COMMS);
}

static void after(void)
{
    TEEC_Operation operation = { .paramTypes = TEEC_VALUE_OUTPUT };
    TEEC_Session session;
    uint32_t origin = 0;

    open_session(&session);
    CHECK(TEEC_InvokeCommand(&session, COUNT, &operation, &origin) == TEEC_SUCCESS);
    TEEC_RequestCancellation(&operation);
    CHECK(TEEC_InvokeCommand(&session, COUNT, &operation, &origin) == TEEC_SUCCESS);
    TEEC_CloseSession(&session);
    TEEC_RequestCancellation(&operation); /* its session is gone */
    TEEC_RequestCancellation(NULL);
}

/* Says when the call is on its way, and cancels when it is told that the TEE has it. */
static void running(void)
{
    TEEC_Session session;
    struct call call;

    open_session(&session);
    start(&call, &session);
    printf("started\n");
    fflush(stdout);
    CHECK(getchar() == '\n');
    TEEC_RequestCancellation(&call.operation);
    expect_cancelled(&call);
    CHECK(call.origin == TEEC_ORIGIN_TRUSTED_APP);
    CHECK(count(&session) == 1); /* the session lives */
    TEEC_CloseSession(&session);
}

/* pthread_cancel() does not end a thread in the middle of a call: the session would be lost. */
static void thread_cancelled(void)
{
    TEEC_Session session;
    struct call call;

    open_session(&session);
    start(&call, &session);
    CHECK(pthread_cancel(call.thread) == 0);
    TEEC_RequestCancellation(&call.operation);
    expect_cancelled(&call);
    CHECK(count(&session) == 1);
    TEEC_CloseSession(&session);
}

/* Two calls in one session, of which one waits, here, for its turn. */
static void waiting(void)
{
    TEEC_Session session;
    struct call first, second;

    open_session(&session);
    start(&first, &session);
    printf("started\n");
    fflush(stdout);
    CHECK(getchar() == '\n'); /* the TEE has the first */
    start(&second, &session);
    TEEC_RequestCancellation(&second.operation);
    expect_cancelled(&second);
    CHECK(second.origin == TEEC_ORIGIN_COMMS);
    TEEC_RequestCancellation(&first.operation);
    expect_cancelled(&first);
    CHECK(first.origin == TEEC_ORIGIN_TRUSTED_APP);
    TEEC_CloseSession(&session);
}

/* A cancellation that comes at any moment of a call ends it, and nothing of the next one. */
static void race(void)
{
    TEEC_Session session;
    struct call call;

    open_session(&session);
    for (int i = 0; i < RACES; i++) {
        start(&call, &session);
        for (int spin = 0; spin < (i % 15) * 7; spin++)
            sched_yield();
        TEEC_RequestCancellation(&call.operation);
        expect_cancelled(&call);
        CHECK(count(&session) == (uint32_t)i + 1);
    }
    TEEC_CloseSession(&session);
}

/* The session is closed and the context finalized while a late cancellation is under way. */
static void *cancel_on(void *argument)
{
    struct call *call = argument;

    for (int i = 0; i < 20; i++)
        TEEC_RequestCancellation(&call->operation);
    return NULL;
}

static void teardown(void)
{
    for (int i = 0; i < RACES / 10; i++) {
        TEEC_Session session;
        struct call call;
        pthread_t canceller;

        CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
        open_session(&session);
        start(&call, &session);
        CHECK(pthread_create(&canceller, NULL, cancel_on, &call) == 0);
        expect_cancelled(&call);
        TEEC_CloseSession(&session);
        TEEC_FinalizeContext(&context);
        pthread_join(canceller, NULL);
    }
    CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
}

struct opening {
    TEEC_Operation operation;
    TEEC_Session session;
    TEEC_Result code;
};

static void *run_opening(void *argument)
{
    struct opening *opening = argument;
    uint32_t origin;

    opening->code = TEEC_OpenSession(&context, &opening->session, &TEST, TEEC_LOGIN_PUBLIC,
                                     NULL, &opening->operation, &origin);
    return NULL;
}

/* An opening is cancelled or it succeeds, and other requests overtake it. */
static void opening(void)
{
    for (int i = 0; i < RACES / 5; i++) {
        struct opening slow = { .operation.paramTypes = TEEC_VALUE_INPUT };
        TEEC_SharedMemory memory = { .size = 10, .flags = TEEC_MEM_INPUT };
        pthread_t thread;

        slow.operation.params[0].value = (TEEC_Value){ 1, 20 };
        CHECK(pthread_create(&thread, NULL, run_opening, &slow) == 0);
        CHECK(TEEC_AllocateSharedMemory(&context, &memory) == TEEC_SUCCESS);
        TEEC_RequestCancellation(&slow.operation);
        TEEC_ReleaseSharedMemory(&memory);
        pthread_join(thread, NULL);
        CHECK(slow.code == TEEC_SUCCESS || slow.code == TEEC_ERROR_CANCEL);
        if (slow.code == TEEC_SUCCESS)
            TEEC_CloseSession(&slow.session);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    { "before", before },   { "before-opening", before_opening },
    { "after", after },     { "running", running },
    { "waiting", waiting }, { "race", race },
    { "opening", opening }, { "teardown", teardown },
    { "thread-cancelled", thread_cancelled },
};

int main(int count_of, char **arguments)
{
    use_names();
    CHECK(count_of == 2);
    if (strcmp(arguments[1], "teardown") != 0)
        CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (strcmp(cases[i].name, arguments[1]) == 0)
            cases[i].run();
    TEEC_FinalizeContext(&context);
    return 0;
}
