/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One of each call, one after the other: the result of each until one fails.  The output
 * buffer has room for 64 bytes, and the check is that no byte beside it changes.
 */
#include <dirent.h>

#include "check.h"

enum { SIZE = 64 };

static int step(const char *name, TEEC_Result code, uint32_t origin)
{
    printf("%s %08x %u\n", name, code, origin);
    return code == TEEC_SUCCESS;
}

static TEEC_Result invoke(TEEC_Session *session, uint32_t *origin)
{
    TEEC_Operation operation = { 0 };
    uint8_t bytes[3 * SIZE] = { 0 };
    TEEC_Result code;

    operation.paramTypes = TEEC_PARAM_TYPES(TEEC_MEMREF_TEMP_OUTPUT, TEEC_VALUE_INOUT, 0, 0);
    operation.params[0].tmpref = (TEEC_TempMemoryReference){ bytes + SIZE, SIZE };
    operation.params[1].value.a = 5;
    code = TEEC_InvokeCommand(session, NOP, &operation, origin);
    for (int i = 0; i < SIZE; i++)
        CHECK(bytes[i] == 0 && bytes[2 * SIZE + i] == 0);
    printf("%zu %u\n", operation.params[0].tmpref.size, operation.params[1].value.a);
    return code;
}

static int descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int found = 0;

    while (readdir(directory))
        found++;
    closedir(directory);
    return found;
}

static void take_steps(void)
{
    TEEC_SharedMemory memory = { .size = SIZE, .flags = TEEC_MEM_INPUT };
    TEEC_Context context;
    TEEC_Session session;
    uint32_t origin = 0;
    int open = 0;

    if (!step("initialize", TEEC_InitializeContext(NULL, &context), 0))
        return;
    if (step("allocate", TEEC_AllocateSharedMemory(&context, &memory), 0))
        TEEC_ReleaseSharedMemory(&memory);
    open = step("open", TEEC_OpenSession(&context, &session, &TEST, 0, NULL, NULL, &origin),
                0);
    if (open) {
        TEEC_Result code = invoke(&session, &origin);

        step("invoke", code, origin);
        step("again", TEEC_InvokeCommand(&session, NOP, NULL, &origin), 0);
        TEEC_CloseSession(&session);
    }
    TEEC_FinalizeContext(&context);
}

int main(void)
{
    int before = descriptors();

    use_names();
    take_steps();
    CHECK(descriptors() == before);
    return 0;
}
