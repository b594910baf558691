/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timed WHAT WARM COUNT: COUNT laps of one kind, each timed by itself, after WARM that are
 * not.  A lap is one call, or two that belong together (open and close): two numbers a line.
 */
#include "bench.h"

enum { SMALL = 4096, BIG = 1 << 20, UNHURRIED_MS = 60 };

static TEEC_Context context;
static TEEC_Session session;
static TEEC_SharedMemory memory;
static uint8_t own[BIG] __attribute__((aligned(4096)));

struct lap {
    uint64_t first;
    uint64_t second;
};

static void invoke(uint32_t command, TEEC_Operation *operation)
{
    uint32_t origin;

    CHECK(TEEC_InvokeCommand(&session, command, operation, &origin) == TEEC_SUCCESS);
}

static void nothing(void)
{
}

/* -- calls in a session that is open ---------------------------------------------------- */

static void have_session(void)
{
    open_session(&context, &session, &TEST);
}

static void have_registered(void)
{
    have_session();
    memory = (TEEC_SharedMemory){ own, BIG, TEEC_MEM_INPUT | TEEC_MEM_OUTPUT, { 0 } };
    CHECK(TEEC_RegisterSharedMemory(&context, &memory) == TEEC_SUCCESS);
}

static void have_allocated(void)
{
    have_session();
    memory = (TEEC_SharedMemory){ .size = BIG, .flags = TEEC_MEM_INPUT | TEEC_MEM_OUTPUT };
    CHECK(TEEC_AllocateSharedMemory(&context, &memory) == TEEC_SUCCESS);
    memset(memory.buffer, 1, memory.size);
}

static void close_session(void)
{
    TEEC_CloseSession(&session);
}

static void close_session_and_memory(void)
{
    TEEC_ReleaseSharedMemory(&memory);
    close_session();
}

static struct lap empty(void)
{
    uint64_t start = now();

    call_nothing(&session);
    return (struct lap){ now() - start, 0 };
}

static struct lap values(void)
{
    TEEC_Operation operation = {
        .paramTypes = TEEC_PARAM_TYPES(TEEC_VALUE_INPUT, TEEC_VALUE_OUTPUT, TEEC_VALUE_INOUT, 0)
    };
    uint64_t start = now();

    invoke(VALUES, &operation);
    return (struct lap){ now() - start, 0 };
}

static struct lap temporary(void)
{
    TEEC_Operation operation = { .paramTypes = TEEC_MEMREF_TEMP_INOUT };
    uint64_t start = now();

    operation.params[0].tmpref = (TEEC_TempMemoryReference){ own, SMALL };
    invoke(NOP, &operation);
    return (struct lap){ now() - start, 0 };
}

static struct lap whole(void)
{
    TEEC_Operation operation = { .paramTypes = TEEC_MEMREF_WHOLE };
    uint64_t start = now();

    operation.params[0].memref.parent = &memory;
    invoke(NOP, &operation);
    return (struct lap){ now() - start, 0 };
}

/* -- sessions and memory ------------------------------------------------------------------ */

static struct lap open_and_close(const TEEC_UUID *application)
{
    uint64_t start = now(), opened;

    open_session(&context, &session, application);
    opened = now();
    TEEC_CloseSession(&session);
    return (struct lap){ opened - start, now() - opened };
}

static struct lap cold(void)
{
    return open_and_close(&TEST);
}

static struct lap big(void)
{
    return open_and_close(&BIG_ONE);
}

static struct lap kept(void)
{
    return open_and_close(&KEPT);
}

static struct lap allocate(void)
{
    TEEC_SharedMemory small = { .size = SMALL, .flags = TEEC_MEM_INPUT | TEEC_MEM_OUTPUT };
    uint64_t start = now(), allocated;

    CHECK(TEEC_AllocateSharedMemory(&context, &small) == TEEC_SUCCESS);
    allocated = now();
    TEEC_ReleaseSharedMemory(&small);
    return (struct lap){ allocated - start, now() - allocated };
}

/* With time between two laps for whoever keeps a stock to fill it again. */
static struct lap allocate_unhurried(void)
{
    pause_ms(UNHURRIED_MS);
    return allocate();
}

static const struct work {
    const char *name;
    void (*begin)(void);
    struct lap (*run)(void);
    void (*end)(void);
} works[] = {
    { "empty", have_session, empty, close_session },
    { "values", have_session, values, close_session },
    { "temporary", have_session, temporary, close_session },
    { "registered", have_registered, whole, close_session_and_memory },
    { "allocated", have_allocated, whole, close_session_and_memory },
    { "cold", nothing, cold, nothing },
    { "big", nothing, big, nothing },
    { "kept", nothing, kept, nothing },
    { "allocate", nothing, allocate_unhurried, nothing },
    { "allocate-tight", nothing, allocate, nothing },
};

static const struct work *find(const char *name)
{
    for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
        if (strcmp(works[i].name, name) == 0)
            return &works[i];
    CHECK(!"a name that is known");
    return NULL;
}

int main(int count, char **arguments)
{
    CHECK(count == 4);
    const struct work *work = find(arguments[1]);
    size_t laps = strtoul(arguments[3], NULL, 10);
    struct lap *took = calloc(laps, sizeof(*took));

    CHECK(took && TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
    work->begin();
    for (size_t i = strtoul(arguments[2], NULL, 10); i > 0; i--)
        work->run();
    for (size_t i = 0; i < laps; i++)
        took[i] = work->run();
    work->end();
    TEEC_FinalizeContext(&context);
    for (size_t i = 0; i < laps; i++)
        printf("%" PRIu64 " %" PRIu64 "\n", took[i].first, took[i].second);
    free(took);
    return 0;
}
