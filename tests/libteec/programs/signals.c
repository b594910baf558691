/* SPDX-License-Identifier: BSD-2-Clause */
/* A timer interrupts every call, in whatever it waits for; none may fail or be repeated. */
#include <signal.h>
#include <sys/time.h>

#include "check.h"

enum { ROUNDS = 15, CALLS = 20, SIZE = 10000, MICROSECONDS = 500 };

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    (void)signal;
    interrupted++;
}

static void interrupt_all_the_time(void)
{
    struct sigaction action = { .sa_handler = interrupt }; /* no SA_RESTART */
    struct itimerval often = { { 0, MICROSECONDS }, { 0, MICROSECONDS } };

    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
}

static void wait_in_it(TEEC_Session *session, uint32_t milliseconds)
{
    TEEC_Operation operation = { .paramTypes = TEEC_VALUE_INPUT };
    uint32_t origin;

    operation.params[0].value.a = milliseconds;
    CHECK(TEEC_InvokeCommand(session, WAIT, &operation, &origin) == TEEC_SUCCESS);
}

/* Twice would be as before. */
static void invert(TEEC_Session *session, uint8_t *bytes)
{
    TEEC_Operation operation = { 0 };
    uint8_t before = bytes[SIZE - 1];
    uint32_t origin;

    operation.paramTypes = TEEC_PARAM_TYPES(TEEC_MEMREF_TEMP_INOUT, TEEC_VALUE_INPUT, 0, 0);
    operation.params[0].tmpref = (TEEC_TempMemoryReference){ bytes, SIZE };
    operation.params[1].value.a = 0xff;
    CHECK(TEEC_InvokeCommand(session, XOR, &operation, &origin) == TEEC_SUCCESS);
    CHECK((bytes[SIZE - 1] ^ before) == 0xff);
}

int main(void)
{
    static uint8_t bytes[SIZE];
    uint32_t origin;

    use_names();
    interrupt_all_the_time();
    for (int round = 0; round < ROUNDS; round++) {
        TEEC_SharedMemory memory = { .size = SIZE, .flags = TEEC_MEM_INPUT };
        TEEC_Context context;
        TEEC_Session session;

        CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
        CHECK(TEEC_OpenSession(&context, &session, &TEST, 0, NULL, NULL, &origin) ==
              TEEC_SUCCESS);
        CHECK(TEEC_AllocateSharedMemory(&context, &memory) == TEEC_SUCCESS);
        for (uint32_t call = 0; call < CALLS; call++) {
            wait_in_it(&session, call % 5);
            invert(&session, bytes);
        }
        TEEC_ReleaseSharedMemory(&memory);
        TEEC_CloseSession(&session);
        TEEC_FinalizeContext(&context);
    }
    CHECK(interrupted > 0);
    return 0;
}
