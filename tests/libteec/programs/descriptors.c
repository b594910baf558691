/* SPDX-License-Identifier: BSD-2-Clause */
/* The library's own descriptors, and memory: handed over by one, or of another context. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <tee_client_api_extensions.h>
#include <unistd.h>

#include "check.h"

enum { SIZE = 8192 };

static TEEC_Context context;
static TEEC_Session session;

/* How many descriptors there are beyond the usual three; each must be close-on-exec. */
static int descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    int found = 0;

    while ((entry = readdir(directory))) {
        int fd = atoi(entry->d_name);

        if (fd <= 2 || fd == dirfd(directory))
            continue;
        CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        found++;
    }
    closedir(directory);
    return found;
}

static TEEC_Result xor_in(TEEC_SharedMemory *memory, size_t offset, size_t size)
{
    TEEC_Operation operation = { 0 };
    uint32_t origin;

    operation.paramTypes =
        TEEC_PARAM_TYPES(TEEC_MEMREF_PARTIAL_INOUT, TEEC_VALUE_INPUT, 0, 0);
    operation.params[0].memref = (TEEC_RegisteredMemoryReference){ memory, size, offset };
    operation.params[1].value.a = 0x0f;
    return TEEC_InvokeCommand(&session, XOR, &operation, &origin);
}

static void counted(void)
{
    TEEC_SharedMemory memory = { .size = SIZE, .flags = TEEC_MEM_INPUT };
    TEEC_Operation operation = { .paramTypes = TEEC_MEMREF_TEMP_INPUT };
    uint8_t byte = 1;
    uint32_t origin;
    int before = descriptors() - 2;

    CHECK(TEEC_AllocateSharedMemory(&context, &memory) == TEEC_SUCCESS);
    operation.params[0].tmpref = (TEEC_TempMemoryReference){ &byte, 1 };
    CHECK(TEEC_InvokeCommand(&session, NOP, &operation, &origin) == TEEC_SUCCESS);
    CHECK(descriptors() == before + 2); /* the connection, the session */
    TEEC_ReleaseSharedMemory(&memory);
    TEEC_CloseSession(&session);
    CHECK(descriptors() == before + 1);
    TEEC_FinalizeContext(&context);
    CHECK(descriptors() == before);
}

static int sealed_memfd(int seals)
{
    int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    CHECK(fd >= 0 && ftruncate(fd, SIZE) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

static void handed_over(void)
{
    TEEC_SharedMemory memory = { .flags = TEEC_MEM_INPUT | TEEC_MEM_OUTPUT };
    int fd = sealed_memfd(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    uint8_t *bytes = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    CHECK(bytes != MAP_FAILED);
    memset(bytes, 0xf0, SIZE);
    CHECK(TEEC_RegisterSharedMemoryFileDescriptor(&context, &memory, fd) == TEEC_SUCCESS);
    CHECK(memory.size == SIZE && !memory.buffer);
    close(fd); /* it was the application's, and still is */
    CHECK(xor_in(&memory, 1, SIZE - 2) == TEEC_SUCCESS);
    CHECK(bytes[0] == 0xf0 && bytes[1] == 0xff && bytes[SIZE - 2] == 0xff);
    CHECK(bytes[SIZE - 1] == 0xf0);
    CHECK(xor_in(&memory, 1, SIZE) == TEEC_ERROR_BAD_PARAMETERS);
    TEEC_ReleaseSharedMemory(&memory);
    CHECK(xor_in(&memory, 0, 1) == TEEC_ERROR_BAD_PARAMETERS);
    munmap(bytes, SIZE);
}

static void badly_sealed(void)
{
    TEEC_SharedMemory memory = { .flags = TEEC_MEM_INPUT };
    const int seals[] = { 0, F_SEAL_SHRINK, F_SEAL_SHRINK | F_SEAL_GROW,
                          F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_WRITE };

    for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++) {
        int fd = sealed_memfd(seals[i]);

        CHECK(TEEC_RegisterSharedMemoryFileDescriptor(&context, &memory, fd) ==
              TEEC_ERROR_BAD_PARAMETERS);
        close(fd);
    }
}

/* Both contexts' memory has the same number at teed; each is good in its own context only. */
static void foreign(void)
{
    TEEC_SharedMemory ours = { .size = SIZE, .flags = TEEC_MEM_INPUT | TEEC_MEM_OUTPUT };
    TEEC_SharedMemory theirs = ours;
    TEEC_Context other;

    CHECK(TEEC_InitializeContext(NULL, &other) == TEEC_SUCCESS);
    CHECK(TEEC_AllocateSharedMemory(&context, &ours) == TEEC_SUCCESS);
    CHECK(TEEC_AllocateSharedMemory(&other, &theirs) == TEEC_SUCCESS);
    CHECK(ours.imp.id == theirs.imp.id);
    CHECK(xor_in(&theirs, 0, 1) == TEEC_ERROR_BAD_PARAMETERS);
    CHECK(xor_in(&ours, 0, 1) == TEEC_SUCCESS);
    CHECK(*(uint8_t *)ours.buffer == 0x0f && *(uint8_t *)theirs.buffer == 0);
    TEEC_ReleaseSharedMemory(&theirs);
    TEEC_ReleaseSharedMemory(&ours);
    TEEC_FinalizeContext(&other);
}

/* No descriptor is free when an answer brings one: nothing is left behind at teed. */
static void exhausted(void)
{
    struct rlimit limit = { .rlim_cur = 1, .rlim_max = RLIM_INFINITY };
    TEEC_SharedMemory memory = { .size = SIZE, .flags = TEEC_MEM_INPUT };
    struct rlimit before;
    TEEC_Session more;
    uint32_t origin = 0;

    getrlimit(RLIMIT_NOFILE, &before);
    limit.rlim_max = before.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(TEEC_AllocateSharedMemory(&context, &memory) == TEEC_ERROR_OUT_OF_MEMORY);
    CHECK(TEEC_OpenSession(&context, &more, &SINGLE, 0, NULL, NULL, &origin) ==
          TEEC_ERROR_OUT_OF_MEMORY);
    CHECK(origin == TEEC_ORIGIN_API);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(TEEC_OpenSession(&context, &more, &SINGLE, 0, NULL, NULL, &origin) ==
          TEEC_SUCCESS); /* it is a single instance, and free */
    TEEC_CloseSession(&more);
}

/* How many places this process has mapped memory of teed's at. */
static int mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[4096];
    int found = 0;

    while (fgets(line, sizeof(line), maps))
        found += strstr(line, "memfd:teed") != NULL;
    fclose(maps);
    return found;
}

static TEEC_Result call(TEEC_Session *which, uint32_t *origin)
{
    TEEC_Operation operation = { .paramTypes = TEEC_MEMREF_TEMP_INPUT };
    uint8_t byte = 1;

    operation.params[0].tmpref = (TEEC_TempMemoryReference){ &byte, 1 };
    return TEEC_InvokeCommand(which, NOP, &operation, origin);
}

/* There can be one instance only, so what was left open is closed when the next one opens. */
static void left_open(void)
{
    int before = descriptors();
    int mapped = mappings();
    uint32_t origin;

    for (int i = 0; i < 20; i++) {
        TEEC_Context careless;
        TEEC_Session single, more;

        CHECK(TEEC_InitializeContext(NULL, &careless) == TEEC_SUCCESS);
        CHECK(TEEC_OpenSession(&careless, &single, &SINGLE, 0, NULL, NULL, &origin) ==
              TEEC_SUCCESS);
        CHECK(TEEC_OpenSession(&careless, &more, &TEST, 0, NULL, NULL, &origin) ==
              TEEC_SUCCESS);
        CHECK(call(&more, &origin) == TEEC_SUCCESS && mappings() == mapped + 1);
        TEEC_FinalizeContext(&careless);
        CHECK(descriptors() == before && mappings() == mapped);
        CHECK(call(&more, &origin) == TEEC_ERROR_BAD_PARAMETERS);
        CHECK(origin == TEEC_ORIGIN_COMMS);
        TEEC_CloseSession(&more);
        TEEC_CloseSession(&single);
        TEEC_FinalizeContext(&careless);
    }
    CHECK(xor_in(NULL, 0, 0) == TEEC_ERROR_BAD_PARAMETERS); /* and the others live on */
    CHECK(call(&session, &origin) == TEEC_SUCCESS);
}

static TEEC_Context busy;
static TEEC_Session waiting;

static void *wait_in_it(void *argument)
{
    TEEC_Operation operation = { 0 };
    uint8_t bytes[1000];
    uint32_t origin;
    TEEC_Result code;

    operation.paramTypes = TEEC_PARAM_TYPES(TEEC_VALUE_INPUT, TEEC_MEMREF_TEMP_INOUT, 0, 0);
    operation.params[0].value = (TEEC_Value){ 600000, 1 };
    operation.params[1].tmpref = (TEEC_TempMemoryReference){ bytes, sizeof(bytes) };
    code = TEEC_InvokeCommand(&waiting, WAIT, &operation, &origin);
    CHECK(code == TEEC_ERROR_COMMUNICATION || code == TEEC_ERROR_BAD_PARAMETERS);
    return argument;
}

static void *open_slowly(void *argument)
{
    TEEC_Operation operation = { .paramTypes = TEEC_VALUE_INPUT };
    TEEC_Session slow;
    uint32_t origin;
    TEEC_Result code;

    operation.params[0].value = (TEEC_Value){ 1, 1000 };
    code = TEEC_OpenSession(&busy, &slow, &TEST, 0, NULL, &operation, &origin);
    CHECK(code == TEEC_ERROR_COMMUNICATION || code == TEEC_ERROR_BAD_PARAMETERS);
    return argument;
}

/* One call is in the TEE, one waits behind it, and a session is being opened. */
static void left_busy(void)
{
    int before = descriptors();
    int mapped = mappings();
    pthread_t threads[3];
    uint32_t origin;

    CHECK(TEEC_InitializeContext(NULL, &busy) == TEEC_SUCCESS);
    CHECK(TEEC_OpenSession(&busy, &waiting, &TEST, 0, NULL, NULL, &origin) == TEEC_SUCCESS);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, i < 2 ? wait_in_it : open_slowly, NULL) == 0);
    puts("started");
    fflush(stdout);
    CHECK(getchar() == '\n'); /* until whoever looks has seen the call */
    TEEC_FinalizeContext(&busy);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK(descriptors() == before && mappings() == mapped);
    TEEC_CloseSession(&waiting);
}

int main(int count, char **arguments)
{
    uint32_t origin;

    use_names();
    CHECK(count == 2);
    CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
    CHECK(TEEC_OpenSession(&context, &session, &TEST, 0, NULL, NULL, &origin) ==
          TEEC_SUCCESS);
    if (strcmp(arguments[1], "counted") == 0) {
        counted();
        return 0;
    }
    if (strcmp(arguments[1], "handed-over") == 0)
        handed_over();
    else if (strcmp(arguments[1], "badly-sealed") == 0)
        badly_sealed();
    else if (strcmp(arguments[1], "foreign") == 0)
        foreign();
    else if (strcmp(arguments[1], "left-open") == 0)
        left_open();
    else if (strcmp(arguments[1], "left-busy") == 0)
        left_busy();
    else
        exhausted();
    TEEC_CloseSession(&session);
    TEEC_FinalizeContext(&context);
    return 0;
}
