/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon dies: a call in the TEE, one that waits behind it, an opening, and everything
 * that comes later end with COMMUNICATION, and a new context reaches the next daemon.
 */
#include <pthread.h>

#include "check.h"

enum { FOREVER = 600000 };

static TEEC_Context context;
static TEEC_Session session;

static void *call(void *argument)
{
    TEEC_Operation operation = { .paramTypes = TEEC_VALUE_INPUT };
    uint32_t origin = 0;

    (void)argument;
    operation.params[0].value = (TEEC_Value){ FOREVER, 1 };
    CHECK(TEEC_InvokeCommand(&session, WAIT, &operation, &origin) ==
          TEEC_ERROR_COMMUNICATION);
    CHECK(origin == TEEC_ORIGIN_COMMS);
    return NULL;
}

static void *open_slowly(void *argument)
{
    TEEC_Operation operation = { .paramTypes = TEEC_VALUE_INPUT };
    TEEC_Session slow;
    uint32_t origin = 0;

    (void)argument;
    operation.params[0].value = (TEEC_Value){ 1, FOREVER };
    CHECK(TEEC_OpenSession(&context, &slow, &TEST, 0, NULL, &operation, &origin) ==
          TEEC_ERROR_COMMUNICATION);
    CHECK(origin == TEEC_ORIGIN_COMMS);
    return NULL;
}

static void use_what_is_left(void)
{
    TEEC_SharedMemory memory = { .size = 1, .flags = TEEC_MEM_INPUT };
    TEEC_Session more;
    uint32_t origin = 0;

    CHECK(TEEC_InvokeCommand(&session, NOP, NULL, &origin) == TEEC_ERROR_COMMUNICATION);
    CHECK(origin == TEEC_ORIGIN_COMMS);
    CHECK(TEEC_OpenSession(&context, &more, &TEST, 0, NULL, NULL, &origin) ==
          TEEC_ERROR_COMMUNICATION);
    CHECK(TEEC_AllocateSharedMemory(&context, &memory) == TEEC_ERROR_COMMUNICATION);
    TEEC_CloseSession(&session);
}

static void begin_anew(void)
{
    TEEC_Context anew;
    uint32_t origin;

    CHECK(TEEC_InitializeContext(NULL, &anew) == TEEC_SUCCESS);
    CHECK(TEEC_OpenSession(&anew, &session, &TEST, 0, NULL, NULL, &origin) == TEEC_SUCCESS);
    CHECK(TEEC_InvokeCommand(&session, NOP, NULL, &origin) == TEEC_SUCCESS);
    TEEC_CloseSession(&session);
    TEEC_FinalizeContext(&anew);
}

int main(void)
{
    TEEC_SharedMemory memory = { .size = 100, .flags = TEEC_MEM_INPUT };
    pthread_t threads[3];
    uint32_t origin;

    use_names();
    CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
    CHECK(TEEC_OpenSession(&context, &session, &TEST, 0, NULL, NULL, &origin) ==
          TEEC_SUCCESS);
    CHECK(TEEC_AllocateSharedMemory(&context, &memory) == TEEC_SUCCESS);
    CHECK(pthread_create(&threads[0], NULL, call, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, call, NULL) == 0);
    CHECK(pthread_create(&threads[2], NULL, open_slowly, NULL) == 0);
    printf("started\n");
    fflush(stdout);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    memset(memory.buffer, 1, memory.size); /* it is still there */
    use_what_is_left();
    TEEC_ReleaseSharedMemory(&memory);
    TEEC_FinalizeContext(&context);
    CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_ERROR_COMMUNICATION);
    printf("over\n");
    fflush(stdout);
    CHECK(getchar() == '\n'); /* there is another daemon */
    begin_anew();
    return 0;
}
