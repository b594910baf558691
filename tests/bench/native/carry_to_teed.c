/* Data of the application's carried to the TEE: copied into shared memory, and a call.
 *
 *   carry_to_teed BYTES TIMES */
#include "measure.h"

#include <tee_client_api.h>

static TEEC_Context context;
static TEEC_Session session;
static TEEC_SharedMemory shared = { .flags = TEEC_MEM_INPUT };

static void check(const char *what, TEEC_Result result)
{
    if (result == TEEC_SUCCESS)
        return;
    fprintf(stderr, "%s: %#x\n", what, result);
    exit(1);
}

static void open_all(size_t size)
{
    const TEEC_UUID application = { 0x7465, 0x6564, 2, { 0 } };
    shared.size = size;
    check("TEEC_InitializeContext", TEEC_InitializeContext(NULL, &context));
    check("TEEC_OpenSession", TEEC_OpenSession(&context, &session, &application,
                                               TEEC_LOGIN_PUBLIC, NULL, NULL, NULL));
    check("TEEC_AllocateSharedMemory", TEEC_AllocateSharedMemory(&context, &shared));
}

static void carry(const char *data, size_t size)
{
    TEEC_Operation operation = {
        .paramTypes = TEEC_PARAM_TYPES(TEEC_MEMREF_WHOLE, TEEC_NONE, TEEC_NONE, TEEC_NONE),
        .params = { { .memref = { .parent = &shared, .size = size } } },
    };
    memcpy(shared.buffer, data, size);
    check("TEEC_InvokeCommand", TEEC_InvokeCommand(&session, 1, &operation, NULL));
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    size_t size = (size_t)number(argv[1]), times = (size_t)number(argv[2]);
    char *data = malloc(size);
    int64_t *latencies = room_for(times);
    if (!data)
        die("malloc");
    open_all(size);
    for (int i = 0; i < 10; i++) {
        memset(data, i, size);
        carry(data, size);
    }
    int64_t begin = now_ns();
    for (size_t i = 0; i < times; i++) {
        data[i % size]++;
        int64_t start = now_ns();
        carry(data, size);
        latencies[i] = now_ns() - start;
    }
    tell(now_ns() - begin, latencies, times);
    return 0;
}
