/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many threads on one context: each result must be the caller's own.
 *
 * "sessions": each thread has a session; "shared": all call in one; "memory": they allocate,
 * register, open and close at the same time; "block": each works in its own part of a
 * registered block that all read; "crowd": more ask than teed answers at a time.
 * Temporary references of all threads together are far more than the arena holds.
 */
#include <pthread.h>

#include "check.h"

enum { THREADS = 12, CROWD = 100, ROUNDS = 25, BIGGEST = 40000 };

static TEEC_Context context;
static TEEC_Session shared;
static pthread_barrier_t start;

static void expect(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++)
        CHECK(bytes[i] == value);
}

static void xor_temporary(TEEC_Session *session, uint8_t *bytes, size_t size, uint8_t value)
{
    TEEC_Operation operation = { 0 };
    uint32_t origin;

    memset(bytes, value, size);
    operation.paramTypes = TEEC_PARAM_TYPES(TEEC_MEMREF_TEMP_INOUT, TEEC_VALUE_INPUT, 0, 0);
    operation.params[0].tmpref = (TEEC_TempMemoryReference){ bytes, size };
    operation.params[1].value.a = 0xff;
    CHECK(TEEC_InvokeCommand(session, XOR, &operation, &origin) == TEEC_SUCCESS);
    CHECK(operation.params[0].tmpref.size == size);
    expect(bytes, size, (uint8_t)~value);
}

static void swap_values(TEEC_Session *session, uint32_t value)
{
    TEEC_Operation operation = { 0 };
    uint32_t origin;

    operation.paramTypes =
        TEEC_PARAM_TYPES(TEEC_VALUE_INPUT, TEEC_VALUE_OUTPUT, TEEC_VALUE_INOUT, 0);
    operation.params[0].value = (TEEC_Value){ value, value + 1 };
    CHECK(TEEC_InvokeCommand(session, VALUES, &operation, &origin) == TEEC_SUCCESS);
    CHECK(operation.params[1].value.a == value + 1 && operation.params[1].value.b == value);
}

static void call(TEEC_Session *session, size_t number, uint8_t *bytes)
{
    for (size_t round = 0; round < ROUNDS; round++) {
        xor_temporary(session, bytes, (number * 1709 + round * 4001) % BIGGEST,
                      (uint8_t)(number * ROUNDS + round));
        swap_values(session, (uint32_t)(number << 16 | round));
    }
}

static void open_session(TEEC_Session *session)
{
    uint32_t origin;

    CHECK(TEEC_OpenSession(&context, session, &TEST, TEEC_LOGIN_PUBLIC, NULL, NULL,
                           &origin) == TEEC_SUCCESS);
}

static void *with_a_session_each(void *number)
{
    uint8_t *bytes = malloc(BIGGEST);
    TEEC_Session session;

    pthread_barrier_wait(&start);
    open_session(&session);
    call(&session, (size_t)number, bytes);
    TEEC_CloseSession(&session);
    free(bytes);
    return NULL;
}

static void *in_a_shared_session(void *number)
{
    uint8_t *bytes = malloc(BIGGEST);

    pthread_barrier_wait(&start);
    call(&shared, (size_t)number, bytes);
    free(bytes);
    return NULL;
}

static void run(void *(*body)(void *), unsigned int count)
{
    pthread_t threads[CROWD];

    pthread_barrier_init(&start, NULL, count);
    for (size_t i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], NULL, body, (void *)i) == 0);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
}

/* One registered input is read by all threads at a time, which is nobody's fault. */
static TEEC_SharedMemory input;

static void copy_into(TEEC_SharedMemory *output)
{
    TEEC_Operation operation = { 0 };
    TEEC_Session session;
    uint32_t origin;

    operation.paramTypes = TEEC_PARAM_TYPES(TEEC_MEMREF_WHOLE, TEEC_MEMREF_WHOLE, 0, 0);
    operation.params[0].memref.parent = &input;
    operation.params[1].memref.parent = output;
    open_session(&session);
    CHECK(TEEC_InvokeCommand(&session, COPY, &operation, &origin) == TEEC_SUCCESS);
    TEEC_CloseSession(&session);
    expect(output->buffer, input.size, 0x3c);
}

static void *with_memory_of_its_own(void *number)
{
    uint8_t bytes[1000] = { 0 };

    (void)number;
    pthread_barrier_wait(&start);
    for (int round = 0; round < ROUNDS / 5; round++) {
        TEEC_SharedMemory allocated = { .size = 1000, .flags = TEEC_MEM_OUTPUT };
        TEEC_SharedMemory registered = { bytes, sizeof(bytes), TEEC_MEM_OUTPUT, { 0 } };

        CHECK(TEEC_AllocateSharedMemory(&context, &allocated) == TEEC_SUCCESS);
        CHECK(TEEC_RegisterSharedMemory(&context, &registered) == TEEC_SUCCESS);
        copy_into(&allocated);
        copy_into(&registered);
        TEEC_ReleaseSharedMemory(&registered);
        TEEC_ReleaseSharedMemory(&allocated);
        memset(bytes, 0, sizeof(bytes));
    }
    return NULL;
}

enum { PART = 256 };

static TEEC_SharedMemory block;

static void xor_part(TEEC_Session *session, size_t number)
{
    TEEC_Operation operation = { 0 };
    uint32_t origin;

    operation.paramTypes =
        TEEC_PARAM_TYPES(TEEC_MEMREF_PARTIAL_INOUT, TEEC_VALUE_INPUT, 0, 0);
    operation.params[0].memref =
        (TEEC_RegisteredMemoryReference){ &block, PART, number * PART };
    operation.params[1].value.a = 0xff;
    CHECK(TEEC_InvokeCommand(session, XOR, &operation, &origin) == TEEC_SUCCESS);
}

static void read_block(TEEC_Session *session)
{
    TEEC_Operation operation = { 0 };
    uint32_t origin;

    operation.paramTypes =
        TEEC_PARAM_TYPES(TEEC_MEMREF_PARTIAL_INPUT, TEEC_VALUE_OUTPUT, 0, 0);
    operation.params[0].memref = (TEEC_RegisteredMemoryReference){ &block, block.size, 0 };
    CHECK(TEEC_InvokeCommand(session, DESCRIBE, &operation, &origin) == TEEC_SUCCESS);
}

static void *in_its_part_of_a_block(void *number)
{
    uint8_t *part = (uint8_t *)block.buffer + (size_t)number * PART;
    TEEC_Session session;

    pthread_barrier_wait(&start);
    open_session(&session);
    for (int round = 0; round < 4 * ROUNDS; round++) {
        xor_part(&session, (size_t)number);
        expect(part, PART, round % 2 ? 0 : 0xff);
        read_block(&session);
    }
    TEEC_CloseSession(&session);
    return NULL;
}

static void with_a_block(void)
{
    static uint8_t bytes[THREADS * PART];

    block = (TEEC_SharedMemory){
        bytes, sizeof(bytes), TEEC_MEM_INPUT | TEEC_MEM_OUTPUT, { 0 }
    };
    CHECK(TEEC_RegisterSharedMemory(&context, &block) == TEEC_SUCCESS);
    run(in_its_part_of_a_block, THREADS);
    TEEC_ReleaseSharedMemory(&block);
}

static void *in_a_crowd(void *number)
{
    TEEC_Operation operation = { .paramTypes = TEEC_VALUE_INPUT };
    TEEC_Session session;
    uint32_t origin;

    (void)number;
    operation.params[0].value = (TEEC_Value){ 1, 2 }; /* takes two milliseconds to open */
    pthread_barrier_wait(&start);
    CHECK(TEEC_OpenSession(&context, &session, &TEST, TEEC_LOGIN_PUBLIC, NULL, &operation,
                           &origin) == TEEC_SUCCESS);
    TEEC_CloseSession(&session);
    return NULL;
}

int main(int count, char **arguments)
{
    static uint8_t bytes[1000];

    use_names();
    CHECK(count == 2);
    CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
    if (strcmp(arguments[1], "sessions") == 0) {
        run(with_a_session_each, THREADS);
    } else if (strcmp(arguments[1], "shared") == 0) {
        open_session(&shared);
        run(in_a_shared_session, THREADS);
        TEEC_CloseSession(&shared);
    } else if (strcmp(arguments[1], "crowd") == 0) {
        run(in_a_crowd, CROWD);
    } else if (strcmp(arguments[1], "block") == 0) {
        with_a_block();
    } else {
        memset(bytes, 0x3c, sizeof(bytes));
        input = (TEEC_SharedMemory){ bytes, sizeof(bytes), TEEC_MEM_INPUT, { 0 } };
        CHECK(TEEC_RegisterSharedMemory(&context, &input) == TEEC_SUCCESS);
        run(with_memory_of_its_own, THREADS);
        TEEC_ReleaseSharedMemory(&input);
    }
    TEEC_FinalizeContext(&context);
    return 0;
}
