/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small shared memory, which stands side by side: each is its own, is all zero when it is
 * new, and stays mapped until it is released, whatever becomes of its context.
 */
#include "check.h"

enum { MANY = 100, SIZE = 3000, PAGE = 4096 };

static TEEC_Context context;
static TEEC_Session session;
static TEEC_SharedMemory memories[MANY];

static void open_all(void)
{
    uint32_t origin;

    CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
    CHECK(TEEC_OpenSession(&context, &session, &TEST, TEEC_LOGIN_PUBLIC, NULL, NULL,
                           &origin) == TEEC_SUCCESS);
}

static void allocate(TEEC_SharedMemory *memory)
{
    *memory = (TEEC_SharedMemory){ .size = SIZE, .flags = TEEC_MEM_INPUT | TEEC_MEM_OUTPUT };
    CHECK(TEEC_AllocateSharedMemory(&context, memory) == TEEC_SUCCESS);
    CHECK((uintptr_t)memory->buffer % PAGE == 0);
}

static void expect(const TEEC_SharedMemory *memory, int byte)
{
    for (size_t i = 0; i < SIZE; i++)
        CHECK(((const uint8_t *)memory->buffer)[i] == (uint8_t)byte);
}

static void xor_with(TEEC_SharedMemory *memory, uint32_t byte)
{
    TEEC_Operation operation = { 0 };
    uint32_t origin;

    operation.paramTypes = TEEC_PARAM_TYPES(TEEC_MEMREF_WHOLE, TEEC_VALUE_INPUT, 0, 0);
    operation.params[0].memref.parent = memory;
    operation.params[1].value.a = byte;
    CHECK(TEEC_InvokeCommand(&session, XOR, &operation, &origin) == TEEC_SUCCESS);
    CHECK(operation.params[0].memref.size == SIZE);
}

static void each_is_its_own(void)
{
    open_all();
    for (int i = 0; i < MANY; i++) {
        allocate(&memories[i]);
        expect(&memories[i], 0);
    }
    for (int i = 0; i < MANY; i++)
        xor_with(&memories[i], (uint32_t)i + 1);
    for (int i = 0; i < MANY; i++)
        expect(&memories[i], i + 1);
    for (int i = 0; i < MANY; i += 2)
        TEEC_ReleaseSharedMemory(&memories[i]);
    for (int i = 0; i < MANY; i += 2) {
        allocate(&memories[i]);
        expect(&memories[i], 0); /* though somebody had it */
    }
    for (int i = 1; i < MANY; i += 2)
        expect(&memories[i], i + 1);
    for (int i = 0; i < MANY; i++)
        TEEC_ReleaseSharedMemory(&memories[i]);
    TEEC_CloseSession(&session);
    TEEC_FinalizeContext(&context);
}

static void it_outlives_its_context(void)
{
    open_all();
    for (int i = 0; i < MANY; i++) {
        allocate(&memories[i]);
        xor_with(&memories[i], (uint32_t)i + 1);
    }
    for (int i = 0; i < MANY; i += 3)
        TEEC_ReleaseSharedMemory(&memories[i]);
    TEEC_CloseSession(&session);
    TEEC_FinalizeContext(&context);
    for (int i = 0; i < MANY; i++) {
        if (i % 3) {
            memset(memories[i].buffer, i, SIZE); /* teed may have emptied it meanwhile */
            TEEC_ReleaseSharedMemory(&memories[i]);
        }
    }
}

static size_t mapped(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    size_t count = 0;
    char line[512];

    CHECK(maps);
    while (fgets(line, sizeof(line), maps))
        count += strstr(line, "memfd:teed") != NULL;
    fclose(maps);
    return count;
}

int main(void)
{
    use_names();
    each_is_its_own();
    it_outlives_its_context();
    CHECK(mapped() == 0);
    return 0;
}
