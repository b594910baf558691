/* SPDX-License-Identifier: BSD-2-Clause */
/* One context through teed, one past it; each thing goes where its context is. */
#include <tee_client_api_extensions.h>

#include "check.h"

/* Used for both, one after the other: what one library wrote there the other one finds. */
static TEEC_Operation operation;

static void use(const char *what, TEEC_Context *context)
{
    TEEC_SharedMemory allocated = { .size = 10, .flags = TEEC_MEM_INPUT };
    static uint8_t bytes[10];
    TEEC_SharedMemory registered = { bytes, sizeof(bytes), TEEC_MEM_INPUT, { 0 } };
    TEEC_Session session;
    uint32_t origin = 0;

    printf("%s\n", what);
    CHECK(TEEC_OpenSession(context, &session, &TEST, 0, NULL, NULL, &origin) == 0);
    CHECK(TEEC_AllocateSharedMemory(context, &allocated) == TEEC_SUCCESS);
    CHECK(TEEC_RegisterSharedMemory(context, &registered) == TEEC_SUCCESS);
    CHECK(TEEC_InvokeCommand(&session, NOP, &operation, &origin) == TEEC_SUCCESS);
    TEEC_RequestCancellation(&operation);
    TEEC_ReleaseSharedMemory(&registered);
    TEEC_ReleaseSharedMemory(&allocated);
    TEEC_CloseSession(&session);
    TEEC_FinalizeContext(context);
}

int main(int count, char **arguments)
{
    TEEC_Context through;
    TEEC_Context past;

    use_names();
    CHECK(count == 2);
    if (strcmp(arguments[1], "absent") == 0) {
        printf("%08x\n", TEEC_InitializeContext(NULL, &past));
        return 0;
    }
    CHECK(TEEC_InitializeContext(NULL, &through) == TEEC_SUCCESS);
    setenv("TEED_SOCKET", arguments[1], 1);
    CHECK(TEEC_InitializeContext(NULL, &past) == TEEC_SUCCESS);
    use("past", &past);
    use("through", &through);
    return 0;
}
