/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in for the stock library: says which of its functions was called, and writes into
 * the structures what the stock library would.
 */
#include <stdio.h>
#include <stdlib.h>
#include <tee_client_api_extensions.h>

enum { ALLOCATED = 1 };

static TEEC_Result say(const char *what)
{
    printf("stock %s\n", what);
    return TEEC_SUCCESS;
}

TEEC_Result TEEC_InitializeContext(const char *name, TEEC_Context *context)
{
    (void)name;
    context->imp.fd = 3;
    context->imp.reg_mem = true;
    context->imp.memref_null = true;
    return say("initialize");
}

void TEEC_FinalizeContext(TEEC_Context *context)
{
    (void)context;
    say("finalize");
}

TEEC_Result TEEC_OpenSession(TEEC_Context *context, TEEC_Session *session,
                             const TEEC_UUID *destination, uint32_t method,
                             const void *data, TEEC_Operation *operation, uint32_t *origin)
{
    (void)destination, (void)method, (void)data, (void)operation;
    session->imp.ctx = context;
    session->imp.session_id = 1;
    *origin = TEEC_ORIGIN_TRUSTED_APP;
    return say("open");
}

void TEEC_CloseSession(TEEC_Session *session)
{
    (void)session;
    say("close");
}

/* As there, memory is released by a call that this library may have taken the place of. */
TEEC_Result TEEC_InvokeCommand(TEEC_Session *session, uint32_t command,
                               TEEC_Operation *operation, uint32_t *origin)
{
    TEEC_SharedMemory temporary = { .size = 1, .flags = TEEC_MEM_INPUT };

    operation->imp.session = session;
    TEEC_AllocateSharedMemory(session->imp.ctx, &temporary);
    TEEC_ReleaseSharedMemory(&temporary);
    *origin = command;
    return say("invoke");
}

TEEC_Result TEEC_RegisterSharedMemory(TEEC_Context *context, TEEC_SharedMemory *memory)
{
    (void)context;
    memory->imp.registered_fd = 4;
    memory->imp.flags = 0;
    return say("register");
}

TEEC_Result TEEC_RegisterSharedMemoryFileDescriptor(TEEC_Context *context,
                                                    TEEC_SharedMemory *memory, int fd)
{
    (void)context;
    memory->imp.registered_fd = fd;
    return say("register descriptor");
}

TEEC_Result TEEC_AllocateSharedMemory(TEEC_Context *context, TEEC_SharedMemory *memory)
{
    (void)context;
    memory->buffer = malloc(memory->size);
    memory->imp.registered_fd = 5;
    memory->imp.flags = ALLOCATED;
    return say("allocate");
}

void TEEC_ReleaseSharedMemory(TEEC_SharedMemory *memory)
{
    if (memory->imp.flags & ALLOCATED)
        free(memory->buffer);
    memory->buffer = NULL;
    say("release");
}

void TEEC_RequestCancellation(TEEC_Operation *operation)
{
    say(operation->imp.session ? "cancel" : "cancel nothing");
}
