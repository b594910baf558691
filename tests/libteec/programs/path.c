/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plain way of an invocation: one send, one receive, and no memory from the heap.
 *
 * A filter ends the program at any other system call than these two, the one with which a
 * check that fails says so, and the end.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

enum { CALLS = 100 };

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);

static int allocations;

/* These take the place of the C library's own, also for the library that is tested. */
void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

#define ALLOW(number)                                            \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##number, 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void allow_nothing_else(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(sendto),
        ALLOW(recvfrom),
        ALLOW(write),
        ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void call(TEEC_Session *session, TEEC_SharedMemory *registered)
{
    uint8_t bytes[300] = { 1, 2, 3 };
    TEEC_Operation operation = { 0 };
    uint32_t origin;

    operation.paramTypes = TEEC_PARAM_TYPES(TEEC_MEMREF_TEMP_INPUT, TEEC_MEMREF_TEMP_OUTPUT,
                                            TEEC_VALUE_INOUT, TEEC_MEMREF_WHOLE);
    operation.params[0].tmpref = (TEEC_TempMemoryReference){ bytes, sizeof(bytes) };
    operation.params[1].tmpref = (TEEC_TempMemoryReference){ bytes, sizeof(bytes) };
    operation.params[3].memref.parent = registered;
    CHECK(TEEC_InvokeCommand(session, NOP, &operation, &origin) == TEEC_SUCCESS);
}

int main(void)
{
    static uint8_t own[100];
    TEEC_SharedMemory registered = { own, sizeof(own), 3, { 0 } };
    TEEC_Context context;
    TEEC_Session session;
    uint32_t origin;

    use_names();
    CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
    CHECK(TEEC_OpenSession(&context, &session, &TEST, 0, NULL, NULL, &origin) ==
          TEEC_SUCCESS);
    CHECK(TEEC_RegisterSharedMemory(&context, &registered) == TEEC_SUCCESS);
    call(&session, &registered); /* makes the arena */
    CHECK(allocations > 0);
    allocations = 0;
    allow_nothing_else();
    for (int i = 0; i < CALLS; i++)
        call(&session, &registered);
    _exit(allocations ? 2 : 0);
}
