/* Shared memory from teed, and back again, through libteec.so.2.
 *
 *   allocate BYTES TIMES */
#include "measure.h"

#include <tee_client_api.h>

static void check(const char *what, TEEC_Result result)
{
    if (result == TEEC_SUCCESS)
        return;
    fprintf(stderr, "%s: %#x\n", what, result);
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    TEEC_Context context;
    TEEC_SharedMemory memory = { .size = (size_t)number(argv[1]),
                                 .flags = TEEC_MEM_INPUT | TEEC_MEM_OUTPUT };
    long times = number(argv[2]);
    int64_t *latencies = room_for((size_t)times);
    check("TEEC_InitializeContext", TEEC_InitializeContext(NULL, &context));
    int64_t begin = now_ns();
    for (long i = 0; i < times; i++) {
        int64_t start = now_ns();
        check("TEEC_AllocateSharedMemory", TEEC_AllocateSharedMemory(&context, &memory));
        TEEC_ReleaseSharedMemory(&memory);
        latencies[i] = now_ns() - start;
    }
    tell(now_ns() - begin, latencies, (size_t)times);
    TEEC_FinalizeContext(&context);
    return 0;
}
