/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Good and bad calls of the client API, one line each: its name, the result code, the origin,
 * and what came back.  The lines are the same for every library that does the same.
 *
 * Of a value: a,b.  Of a memory reference: the size, and a digest of all the memory that it
 * points into, so that a byte written beside the reference is seen too.  (The stock library
 * itself adds lines to stdout; they begin with ERR.)
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <tee_client_api_extensions.h>
#include <unistd.h>

#include "check.h"

/* Shared memory that the rows refer to; the names say flags and how it was made. */
enum where {
    NOWHERE,
    TEMPORARY,
    ALLOCATED_IN, ALLOCATED_OUT, ALLOCATED, ALLOCATED_EMPTY, ALLOCATED_BIG,
    REGISTERED_IN, REGISTERED_OUT, REGISTERED, REGISTERED_EMPTY, REGISTERED_BIG,
    READ_ONLY, FOREIGN, UNFLAGGED,
    WHERES,
};

struct given {
    uint32_t type;
    enum where where;
    size_t offset;
    size_t size;
    uint32_t a;
    uint32_t b;
};

struct row {
    const char *name;
    uint32_t command;
    struct given given[TEEC_CONFIG_PAYLOAD_REF_COUNT];
};

#define V_IN(a, b) { TEEC_VALUE_INPUT, NOWHERE, 0, 0, a, b }
#define V_OUT { TEEC_VALUE_OUTPUT, NOWHERE, 0, 0, 0xaaaaaaaa, 0xbbbbbbbb }
#define V_INOUT(a, b) { TEEC_VALUE_INOUT, NOWHERE, 0, 0, a, b }
#define T_IN(size) { TEEC_MEMREF_TEMP_INPUT, TEMPORARY, 0, size, 0, 0 }
#define T_OUT(size) { TEEC_MEMREF_TEMP_OUTPUT, TEMPORARY, 0, size, 0, 0 }
#define T_INOUT(size) { TEEC_MEMREF_TEMP_INOUT, TEMPORARY, 0, size, 0, 0 }
#define T_NULL(direction, size) { TEEC_MEMREF_TEMP_##direction, NOWHERE, 0, size, 0, 0 }
#define WHOLE(where) { TEEC_MEMREF_WHOLE, where, 7, 9, 0, 0 }
#define P_IN(where, offset, size) { TEEC_MEMREF_PARTIAL_INPUT, where, offset, size, 0, 0 }
#define P_OUT(where, offset, size) { TEEC_MEMREF_PARTIAL_OUTPUT, where, offset, size, 0, 0 }
#define P_INOUT(where, offset, size) { TEEC_MEMREF_PARTIAL_INOUT, where, offset, size, 0, 0 }
#define BAD_TYPE(type) { type, NOWHERE, 0, 0, 1, 2 }

static const struct row rows[] = {
#include "calls_rows.h"
};

enum { TEMPORARY_SIZE = 200000, ROOM = 300000, MEMORY_SIZE = 5000, BIG_SIZE = 150000 };

static TEEC_Context context;
static TEEC_Context other_context;
static TEEC_SharedMemory memories[WHERES];
static uint8_t temporaries[TEEC_CONFIG_PAYLOAD_REF_COUNT][ROOM];
static uint8_t own[WHERES][ROOM];

static uint32_t digest(const void *memory, size_t size)
{
    const uint8_t *bytes = memory;
    uint32_t sum = 2166136261u;

    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * 16777619u;
    return sum;
}

static void fill(void *memory, size_t size, unsigned int seed)
{
    uint8_t *bytes = memory;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
}

/* The origin comes by its address: the call that sets it may stand in the same line. */
static void line(const char *name, TEEC_Result code, const uint32_t *origin)
{
    printf("%s %08x %u", name, code, origin ? *origin : 0);
}

static void say(const char *name, TEEC_Result code, const uint32_t *origin)
{
    line(name, code, origin);
    printf("\n");
}

/* -- the rows ---------------------------------------------------------------------------- */

static void give(TEEC_Parameter *parameter, const struct given *given, unsigned int i)
{
    if (given->type <= TEEC_VALUE_INOUT || given->type == 4) {
        parameter->value = (TEEC_Value){ given->a, given->b };
    } else if (given->type < TEEC_MEMREF_WHOLE) {
        fill(temporaries[i], TEMPORARY_SIZE, i);
        parameter->tmpref.buffer = given->where == TEMPORARY ? temporaries[i] : NULL;
        parameter->tmpref.size = given->size;
    } else {
        parameter->memref.parent = &memories[given->where];
        parameter->memref.offset = given->offset;
        parameter->memref.size = given->size;
    }
}

static void print_back(const TEEC_Parameter *parameter, const struct given *given,
                       unsigned int i)
{
    if (given->type == TEEC_VALUE_OUTPUT || given->type == TEEC_VALUE_INOUT)
        printf(" %x,%x", parameter->value.a, parameter->value.b);
    else if (given->where == TEMPORARY)
        printf(" %zu#%08x", parameter->tmpref.size, digest(temporaries[i], TEMPORARY_SIZE));
    else if (given->where != NOWHERE)
        printf(" %zu#%08x", parameter->memref.size,
               digest(memories[given->where].buffer, memories[given->where].size));
    else if (given->type >= TEEC_MEMREF_TEMP_INPUT && given->type <= TEEC_MEMREF_TEMP_INOUT)
        printf(" %zu", parameter->tmpref.size);
}

static void run_row(TEEC_Session *session, const struct row *row)
{
    TEEC_Operation operation = { 0 };
    uint32_t origin = 77;
    TEEC_Result code;

    for (int where = ALLOCATED_IN; where < READ_ONLY; where++)
        fill(memories[where].buffer, memories[where].size, (unsigned int)where);
    for (unsigned int i = 0; i < TEEC_CONFIG_PAYLOAD_REF_COUNT; i++) {
        operation.paramTypes |= row->given[i].type << (4 * i);
        give(&operation.params[i], &row->given[i], i);
    }
    code = TEEC_InvokeCommand(session, row->command, &operation, &origin);
    line(row->name, code, &origin);
    for (unsigned int i = 0; i < TEEC_CONFIG_PAYLOAD_REF_COUNT; i++)
        print_back(&operation.params[i], &row->given[i], i);
    printf("\n");
}

static void allocate(enum where where, uint32_t flags, size_t size)
{
    memories[where] = (TEEC_SharedMemory){ .flags = flags, .size = size };
    CHECK(TEEC_AllocateSharedMemory(&context, &memories[where]) == TEEC_SUCCESS);
    CHECK(memories[where].buffer && memories[where].size == size);
}

static void register_own(enum where where, uint32_t flags, size_t size)
{
    memories[where] =
        (TEEC_SharedMemory){ .buffer = own[where], .flags = flags, .size = size };
    CHECK(TEEC_RegisterSharedMemory(&context, &memories[where]) == TEEC_SUCCESS);
    CHECK(memories[where].buffer == own[where] && memories[where].size == size);
}

static void register_read_only(void)
{
    void *page = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(page != MAP_FAILED);
    fill(page, MEMORY_SIZE, READ_ONLY);
    CHECK(mprotect(page, MEMORY_SIZE, PROT_READ) == 0);
    memories[READ_ONLY] = (TEEC_SharedMemory){ .buffer = page,
                                               .flags = TEEC_MEM_INPUT,
                                               .size = MEMORY_SIZE };
    CHECK(TEEC_RegisterSharedMemory(&context, &memories[READ_ONLY]) == TEEC_SUCCESS);
}

static void make_memories(void)
{
    const uint32_t in = TEEC_MEM_INPUT, out = TEEC_MEM_OUTPUT;

    allocate(ALLOCATED_IN, in, MEMORY_SIZE);
    allocate(ALLOCATED_OUT, out, MEMORY_SIZE);
    allocate(ALLOCATED, in | out, MEMORY_SIZE);
    allocate(ALLOCATED_EMPTY, in | out, 0);
    allocate(ALLOCATED_BIG, in | out, BIG_SIZE);
    register_own(REGISTERED_IN, in, MEMORY_SIZE);
    register_own(REGISTERED_OUT, out, MEMORY_SIZE);
    register_own(REGISTERED, in | out, MEMORY_SIZE);
    register_own(REGISTERED_EMPTY, in | out, 0);
    register_own(REGISTERED_BIG, in | out, BIG_SIZE);
    register_read_only();
    memories[UNFLAGGED] = memories[ALLOCATED];
    memories[UNFLAGGED].flags = 0;
    memories[FOREIGN] = (TEEC_SharedMemory){ .flags = in | out, .size = MEMORY_SIZE };
    CHECK(TEEC_AllocateSharedMemory(&other_context, &memories[FOREIGN]) == TEEC_SUCCESS);
}

static void release_memories(void)
{
    for (int where = ALLOCATED_IN; where <= FOREIGN; where++) {
        TEEC_ReleaseSharedMemory(&memories[where]);
        CHECK(!memories[where].buffer);
        TEEC_ReleaseSharedMemory(&memories[where]); /* once more does nothing */
    }
}

static void run_rows(void)
{
    TEEC_Session session;
    uint32_t origin;

    make_memories();
    CHECK(TEEC_OpenSession(&context, &session, &TEST, TEEC_LOGIN_PUBLIC, NULL, NULL,
                           &origin) == TEEC_SUCCESS);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        run_row(&session, &rows[i]);
    TEEC_CloseSession(&session);
    release_memories();
}

/* -- contexts and shared memory ---------------------------------------------------------- */

static void try_context(const char *label, const char *name)
{
    TEEC_Context tried;
    TEEC_Result code = TEEC_InitializeContext(name, &tried);

    line(label, code, NULL);
    if (code == TEEC_SUCCESS) {
        printf(" reg_mem=%d memref_null=%d", tried.imp.reg_mem, tried.imp.memref_null);
        TEEC_FinalizeContext(&tried);
    }
    printf("\n");
}

static void run_contexts(void)
{
    try_context("context-default", NULL);
    try_context("context-optee-tz", "optee-tz");
    try_context("context-unknown", "no-such-tee");
    try_context("context-empty-name", "");
    say("context-null", TEEC_InitializeContext(NULL, NULL), NULL);
    TEEC_FinalizeContext(NULL);
}

static void try_allocate(const char *name, TEEC_Context *where, uint32_t flags, size_t size)
{
    TEEC_SharedMemory memory = { .flags = flags, .size = size };
    TEEC_Result code = TEEC_AllocateSharedMemory(where, &memory);

    line(name, code, NULL);
    printf(" %s %zu\n", memory.buffer ? "there" : "null", memory.size);
    if (code == TEEC_SUCCESS)
        TEEC_ReleaseSharedMemory(&memory);
}

static void try_register(const char *name, void *buffer, uint32_t flags, size_t size)
{
    TEEC_SharedMemory memory = { .buffer = buffer, .flags = flags, .size = size };
    TEEC_Result code = TEEC_RegisterSharedMemory(&context, &memory);

    line(name, code, NULL);
    printf(" %s %zu\n", memory.buffer == buffer ? "same" : "other", memory.size);
    if (code == TEEC_SUCCESS)
        TEEC_ReleaseSharedMemory(&memory);
}

static void try_descriptor(const char *name, int fd, uint32_t flags)
{
    TEEC_SharedMemory memory = { .flags = flags };

    say(name, TEEC_RegisterSharedMemoryFileDescriptor(&context, &memory, fd), NULL);
}

static void run_memory(void)
{
    TEEC_SharedMemory memory = { .flags = TEEC_MEM_INPUT, .size = 16 };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int unsealed = memfd_create("unsealed", MFD_CLOEXEC);

    CHECK(null >= 0 && unsealed >= 0 && ftruncate(unsealed, 4096) == 0);
    try_allocate("allocate-in", &context, TEEC_MEM_INPUT, 100);
    try_allocate("allocate-out", &context, TEEC_MEM_OUTPUT, 100);
    try_allocate("allocate-inout", &context, TEEC_MEM_INPUT | TEEC_MEM_OUTPUT, 4096);
    try_allocate("allocate-empty", &context, TEEC_MEM_INPUT, 0);
    try_allocate("allocate-a-megabyte", &context, TEEC_MEM_INPUT, 1 << 20);
    try_allocate("allocate-no-flags", &context, 0, 100);
    try_allocate("allocate-unknown-flag", &context, 4, 100);
    try_allocate("allocate-one-flag-too-many", &context, 7, 100);
    try_allocate("allocate-too-much", &context, TEEC_MEM_INPUT, SIZE_MAX / 2);
    try_allocate("allocate-everything", &context, TEEC_MEM_INPUT, SIZE_MAX);
    try_allocate("allocate-no-context", NULL, TEEC_MEM_INPUT, 100);
    say("allocate-null", TEEC_AllocateSharedMemory(&context, NULL), NULL);
    try_register("register-in", own[0], TEEC_MEM_INPUT, 100);
    try_register("register-inout", own[0], 3, 5000);
    try_register("register-odd-address", own[0] + 3, 3, 5);
    try_register("register-empty", own[0], 3, 0);
    try_register("register-null-buffer", NULL, 3, 100);
    try_register("register-null-buffer-empty", NULL, 3, 0);
    try_register("register-no-flags", own[0], 0, 100);
    try_register("register-unknown-flag", own[0], 8, 100);
    say("register-null", TEEC_RegisterSharedMemory(&context, NULL), NULL);
    say("register-no-context", TEEC_RegisterSharedMemory(NULL, &memory), NULL);
    try_descriptor("descriptor-negative", -1, 3);
    try_descriptor("descriptor-closed", 1000000, 3);
    try_descriptor("descriptor-device", null, 3);
    try_descriptor("descriptor-unsealed", unsealed, 3);
    try_descriptor("descriptor-no-flags", unsealed, 0);
    say("descriptor-null", TEEC_RegisterSharedMemoryFileDescriptor(&context, NULL, null), NULL);
    TEEC_ReleaseSharedMemory(NULL);
    close(null);
    close(unsealed);
}

/* -- sessions ---------------------------------------------------------------------------- */

static void try_open(const char *name, const TEEC_UUID *uuid, uint32_t login,
                     const void *data, TEEC_Operation *operation)
{
    TEEC_Session session;
    uint32_t origin = 77;
    TEEC_Result code =
        TEEC_OpenSession(&context, &session, uuid, login, data, operation, &origin);

    line(name, code, &origin);
    if (operation)
        printf(" %x,%x", operation->params[0].value.a, operation->params[0].value.b);
    printf("\n");
    if (code == TEEC_SUCCESS)
        TEEC_CloseSession(&session);
}

static TEEC_Operation *with_value(uint32_t type, uint32_t a, uint32_t b)
{
    static TEEC_Operation operation;

    memset(&operation, 0, sizeof(operation));
    operation.paramTypes = type;
    operation.params[0].value = (TEEC_Value){ a, b };
    return &operation;
}

static void run_openings(void)
{
    const uint32_t in = TEEC_VALUE_INPUT, inout = TEEC_VALUE_INOUT;
    TEEC_Session session;
    uint32_t origin = 77;

    try_open("open-hello", &HELLO, TEEC_LOGIN_PUBLIC, NULL, NULL);
    try_open("open-nobody", &NOBODY, TEEC_LOGIN_PUBLIC, NULL, NULL);
    try_open("open-value", &TEST, TEEC_LOGIN_PUBLIC, NULL, with_value(inout, 5, 6));
    try_open("open-in", &TEST, TEEC_LOGIN_PUBLIC, NULL, with_value(in, 0, 6));
    try_open("open-slowly", &TEST, TEEC_LOGIN_PUBLIC, NULL, with_value(in, 1, 20));
    try_open("open-refused", &TEST, TEEC_LOGIN_PUBLIC, NULL, with_value(in, 2, 0x1234));
    try_open("open-busy", &TEST, TEEC_LOGIN_PUBLIC, NULL, with_value(in, 2, 0xffff000d));
    try_open("open-panics", &TEST, TEEC_LOGIN_PUBLIC, NULL, with_value(in, 3, 9));
    try_open("open-after-panic", &TEST, TEEC_LOGIN_PUBLIC, NULL, with_value(inout, 7, 8));
    try_open("open-bad-type", &TEST, TEEC_LOGIN_PUBLIC, NULL, with_value(8, 7, 8));
    try_open("open-user", &TEST, TEEC_LOGIN_USER, NULL, NULL);
    try_open("open-application", &TEST, TEEC_LOGIN_APPLICATION, NULL, NULL);
    try_open("open-unknown-login", &TEST, 3, NULL, NULL);
    say("open-no-context",
        TEEC_OpenSession(NULL, &session, &TEST, 0, NULL, NULL, &origin), &origin);
    origin = 77;
    say("open-no-session",
        TEEC_OpenSession(&context, NULL, &TEST, 0, NULL, NULL, &origin), &origin);
    say("open-no-origin", TEEC_OpenSession(NULL, NULL, &TEST, 0, NULL, NULL, NULL), NULL);
    TEEC_CloseSession(NULL);
}

static void run_single_instance(void)
{
    TEEC_Session first;
    uint32_t origin = 77;

    say("single-first",
        TEEC_OpenSession(&context, &first, &SINGLE, 0, NULL, NULL, &origin), &origin);
    try_open("single-second", &SINGLE, TEEC_LOGIN_PUBLIC, NULL, NULL);
    TEEC_CloseSession(&first);
    try_open("single-again", &SINGLE, TEEC_LOGIN_PUBLIC, NULL, NULL);
}

static void invoke(const char *name, TEEC_Session *session, uint32_t command,
                   TEEC_Operation *operation)
{
    uint32_t origin = 77;
    TEEC_Result code = TEEC_InvokeCommand(session, command, operation, &origin);

    line(name, code, &origin);
    if (operation)
        printf(" %x,%x", operation->params[0].value.a, operation->params[0].value.b);
    printf("\n");
}

static void run_session(void)
{
    TEEC_Session session;
    TEEC_Session another;
    uint32_t origin = 77;

    say("session", TEEC_OpenSession(&context, &session, &TEST, 0, NULL, NULL, &origin),
        &origin);
    invoke("no-session", NULL, NOP, NULL);
    invoke("no-operation", &session, NOP, NULL);
    invoke("no-operation-unknown", &session, 4711, NULL);
    say("no-origin", TEEC_InvokeCommand(&session, NOP, NULL, NULL), NULL);
    invoke("count-1", &session, COUNT, with_value(TEEC_VALUE_OUTPUT, 1, 1));
    invoke("count-2", &session, COUNT, with_value(TEEC_VALUE_OUTPUT, 1, 1));
    say("session-2", TEEC_OpenSession(&context, &another, &TEST, 0, NULL, NULL, &origin),
        &origin);
    invoke("count-other", &another, COUNT, with_value(TEEC_VALUE_OUTPUT, 1, 1));
    invoke("panic", &session, PANIC, with_value(TEEC_VALUE_INPUT, 1, 1));
    invoke("dead", &session, NOP, NULL);
    invoke("dead-output", &session, COUNT, with_value(TEEC_VALUE_OUTPUT, 1, 1));
    invoke("another-lives", &another, NOP, NULL);
    TEEC_CloseSession(&session);
    TEEC_CloseSession(&another);
    say("session-3", TEEC_OpenSession(&context, &session, &TEST, 0, NULL, NULL, &origin),
        &origin);
    invoke("count-anew", &session, COUNT, with_value(TEEC_VALUE_OUTPUT, 1, 1));
    TEEC_CloseSession(&session);
}

static void run_identity(const char *name, uint32_t login)
{
    TEEC_Session session;
    TEEC_Operation operation = { .paramTypes = TEEC_PARAM_TYPES(TEEC_MEMREF_TEMP_OUTPUT,
                                                                TEEC_VALUE_OUTPUT, 0, 0) };
    uint8_t uuid[16] = { 0 };
    uint32_t origin = 77;

    CHECK(TEEC_OpenSession(&context, &session, &TEST, login, NULL, NULL, &origin) == 0);
    operation.params[0].tmpref = (TEEC_TempMemoryReference){ uuid, sizeof(uuid) };
    line(name, TEEC_InvokeCommand(&session, IDENTITY, &operation, &origin), &origin);
    printf(" %u ", operation.params[1].value.a);
    for (unsigned int i = 0; i < sizeof(uuid); i++)
        printf("%02x", uuid[i]);
    printf("\n");
    TEEC_CloseSession(&session);
}

static void run_aes(void)
{
    TEEC_Session session;
    TEEC_Operation operation = { .paramTypes = TEEC_PARAM_TYPES(1, 1, 1, 0) };
    uint8_t key[16] = { 1, 2, 3 };
    uint8_t text[32] = "thirty-two bytes of a plain text";
    uint8_t cipher[40] = { 0 };
    uint32_t origin = 77;

    CHECK(TEEC_OpenSession(&context, &session, &AES, 0, NULL, NULL, &origin) == 0);
    invoke("aes-too-early", &session, 3, NULL);
    operation.params[0].value.a = 0;
    operation.params[1].value.a = sizeof(key);
    operation.params[2].value.a = 1;
    say("aes-prepare", TEEC_InvokeCommand(&session, 0, &operation, &origin), &origin);
    operation.paramTypes = TEEC_MEMREF_TEMP_INPUT;
    operation.params[0].tmpref = (TEEC_TempMemoryReference){ key, sizeof(key) };
    say("aes-key", TEEC_InvokeCommand(&session, 1, &operation, &origin), &origin);
    operation.paramTypes =
        TEEC_PARAM_TYPES(TEEC_MEMREF_TEMP_INPUT, TEEC_MEMREF_TEMP_OUTPUT, 0, 0);
    operation.params[0].tmpref = (TEEC_TempMemoryReference){ text, sizeof(text) };
    operation.params[1].tmpref = (TEEC_TempMemoryReference){ cipher, sizeof(cipher) };
    line("aes-cipher", TEEC_InvokeCommand(&session, 3, &operation, &origin), &origin);
    printf(" %zu#%08x\n", operation.params[1].tmpref.size, digest(cipher, sizeof(cipher)));
    operation.params[1].tmpref = (TEEC_TempMemoryReference){ text, sizeof(text) };
    line("aes-in-place", TEEC_InvokeCommand(&session, 3, &operation, &origin), &origin);
    printf(" %zu#%08x\n", operation.params[1].tmpref.size, digest(text, sizeof(text)));
    TEEC_CloseSession(&session);
}

static void run_random(void)
{
    TEEC_Session session;
    TEEC_Operation operation = { .paramTypes = TEEC_MEMREF_TEMP_OUTPUT };
    uint8_t bytes[64] = { 0 };
    uint32_t origin = 77;

    CHECK(TEEC_OpenSession(&context, &session, &RANDOM, 0, NULL, NULL, &origin) == 0);
    operation.params[0].tmpref = (TEEC_TempMemoryReference){ bytes, sizeof(bytes) };
    line("random", TEEC_InvokeCommand(&session, 0, &operation, &origin), &origin);
    printf(" %zu %s\n", operation.params[0].tmpref.size,
           digest(bytes, 64) == digest((uint8_t[64]){ 0 }, 64) ? "zero" : "changed");
    TEEC_CloseSession(&session);
}

int main(void)
{
    use_names();
    CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
    CHECK(TEEC_InitializeContext(NULL, &other_context) == TEEC_SUCCESS);
    run_contexts();
    run_memory();
    run_openings();
    run_single_instance();
    run_session();
    run_rows();
    run_identity("identity-public", TEEC_LOGIN_PUBLIC);
    run_identity("identity-user", TEEC_LOGIN_USER);
    run_aes();
    run_random();
    TEEC_FinalizeContext(&other_context);
    TEEC_FinalizeContext(&context);
    return 0;
}
