/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * References to the same bytes, by several calls or several parameters.  Whoever listens
 * answers for the application: it writes "NEW" where it was told to.
 *
 * "whole", "partial": another call refers to a registered block while the first one's output
 * stands in its shadow only; "aliased", "overlapping", "apart", "block": two parameters of one
 * operation; "unasked": a descriptor comes with an answer that has none.
 */
#include <dirent.h>
#include <pthread.h>
#include <sys/mman.h>
#include <tee_client_api_extensions.h>
#include <unistd.h>

#include "check.h"

enum { SIZE = 4096, PART = 64, ASIDE = 2000 };

static TEEC_Context context;
static TEEC_Session first, second;
static uint8_t bytes[SIZE];
static TEEC_SharedMemory block = { bytes, SIZE, TEEC_MEM_INPUT | TEEC_MEM_OUTPUT, { 0 } };
static uint32_t type;

static void invoke(TEEC_Session *session, uint32_t command, TEEC_Operation *operation)
{
    uint32_t origin;

    CHECK(TEEC_InvokeCommand(session, command, operation, &origin) == TEEC_SUCCESS);
}

static void *write_new(void *argument)
{
    TEEC_Operation operation = { .paramTypes = type };

    operation.params[0].memref = (TEEC_RegisteredMemoryReference){ &block, PART, 0 };
    invoke(&first, 1, &operation);
    return argument;
}

static void while_under_way(void)
{
    TEEC_Operation operation = { .paramTypes = TEEC_MEMREF_PARTIAL_INPUT };
    pthread_t thread;

    CHECK(TEEC_RegisterSharedMemory(&context, &block) == TEEC_SUCCESS);
    CHECK(pthread_create(&thread, NULL, write_new, NULL) == 0);
    CHECK(getchar() == '\n'); /* until the first call has written */
    if (type == TEEC_MEMREF_PARTIAL_INOUT)
        bytes[ASIDE] = 'z'; /* it is nobody's output */
    operation.params[0].memref = (TEEC_RegisteredMemoryReference){ &block, SIZE, 0 };
    invoke(&second, 2, &operation);
    pthread_join(thread, NULL);
    CHECK(memcmp(bytes, "NEW", 4) == 0);
    /* The output is the application's again. */
    memcpy(bytes, "OLD", 4);
    invoke(&second, 3, &operation);
    TEEC_ReleaseSharedMemory(&block);
}

static void give(TEEC_Operation *operation, int i, size_t offset, size_t size)
{
    operation->params[i].tmpref = (TEEC_TempMemoryReference){ bytes + offset, size };
}

static void twice_in_one_operation(const char *how)
{
    TEEC_Operation operation = { 0 };

    operation.paramTypes = TEEC_PARAM_TYPES(TEEC_MEMREF_TEMP_INOUT, TEEC_MEMREF_TEMP_OUTPUT,
                                            TEEC_NONE, TEEC_NONE);
    give(&operation, 0, 0, PART);
    give(&operation, 1, 0, PART);
    if (strcmp(how, "overlapping") == 0) { /* the first two only by way of the last */
        operation.paramTypes =
            TEEC_PARAM_TYPES(TEEC_MEMREF_TEMP_INOUT, TEEC_MEMREF_TEMP_OUTPUT,
                             TEEC_MEMREF_TEMP_OUTPUT, TEEC_MEMREF_TEMP_OUTPUT);
        give(&operation, 1, 100, PART);
        give(&operation, 2, 2 * PART + 100, PART);
        give(&operation, 3, 50, 100);
    } else if (strcmp(how, "block") == 0) {
        operation.paramTypes = TEEC_PARAM_TYPES(TEEC_MEMREF_PARTIAL_INOUT,
                                                TEEC_MEMREF_PARTIAL_OUTPUT, 0, 0);
        CHECK(TEEC_RegisterSharedMemory(&context, &block) == TEEC_SUCCESS);
        operation.params[0].memref = (TEEC_RegisteredMemoryReference){ &block, PART, 0 };
        operation.params[1].memref = operation.params[0].memref;
    }
    invoke(&first, 1, &operation);
    CHECK(memcmp(bytes, strcmp(how, "apart") == 0 ? "old" : "NEW", 4) == 0);
    TEEC_ReleaseSharedMemory(&block);
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

static void unasked(void)
{
    TEEC_SharedMemory memory = { .flags = TEEC_MEM_INPUT };
    int fd = memfd_create("mine", MFD_CLOEXEC);
    int before = descriptors();

    CHECK(fd >= 0 && ftruncate(fd, SIZE) == 0);
    CHECK(TEEC_RegisterSharedMemoryFileDescriptor(&context, &memory, fd) == TEEC_SUCCESS);
    CHECK(descriptors() == before);
    TEEC_ReleaseSharedMemory(&memory);
    close(fd);
}

int main(int count, char **arguments)
{
    uint32_t origin;

    use_names();
    CHECK(count == 2);
    memcpy(bytes, "old", 4);
    CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
    CHECK(TEEC_OpenSession(&context, &first, &TEST, 0, NULL, NULL, &origin) == TEEC_SUCCESS);
    CHECK(TEEC_OpenSession(&context, &second, &TEST, 0, NULL, NULL, &origin) == TEEC_SUCCESS);
    type = strcmp(arguments[1], "whole") == 0 ? TEEC_MEMREF_WHOLE : TEEC_MEMREF_PARTIAL_INOUT;
    if (strcmp(arguments[1], "whole") == 0 || strcmp(arguments[1], "partial") == 0)
        while_under_way();
    else if (strcmp(arguments[1], "unasked") == 0)
        unasked();
    else
        twice_in_one_operation(arguments[1]);
    TEEC_CloseSession(&second);
    TEEC_CloseSession(&first);
    TEEC_FinalizeContext(&context);
    return 0;
}
