/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of the API: null pointers are refused, what is the stock library's goes
 * there, and everything else to the file whose job it is.
 *
 * The stock library's calls are no cancellation points of POSIX threads; ours would be, and
 * a thread that ends in the middle of one would take a lock with it.  So none is.  And none
 * is entered by a child process that has not let go of what its parent had.
 */
#include <pthread.h>
#include <string.h>

#include "call.h"
#include "direct.h"
#include "invoke.h"
#include "memory.h"
#include "process.h"

static int keep_thread(void)
{
    int before;

    process_check();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

static void free_thread(int before)
{
    pthread_setcancelstate(before, NULL);
}

static TEEC_Result report(struct outcome outcome, uint32_t *origin)
{
    if (origin)
        *origin = outcome.origin;
    return outcome.code;
}

TEEC_Result TEEC_InitializeContext(const char *name, TEEC_Context *context)
{
    const struct stock *stock;
    struct outcome outcome;
    int refused;
    int thread;

    if (!context)
        return TEEC_ERROR_BAD_PARAMETERS;
    thread = keep_thread();
    outcome = context_open(name, context, &refused);
    free_thread(thread);
    if (failed(outcome) && direct_is_wanted(refused) && (stock = direct_load()))
        return stock->initialize_context(name, context);
    return outcome.code;
}

void TEEC_FinalizeContext(TEEC_Context *context)
{
    const struct stock *stock = context ? direct_context(context) : NULL;
    int thread;

    if (stock) {
        stock->finalize_context(context);
    } else if (context) {
        thread = keep_thread();
        context_close(context);
        free_thread(thread);
    }
}

/* A UUID in the order of RFC 4122, which is big-endian. */
static void write_uuid(uint8_t octets[16], const TEEC_UUID *uuid)
{
    for (unsigned int i = 0; i < 4; i++)
        octets[i] = (uint8_t)(uuid->timeLow >> (24 - 8 * i));
    octets[4] = (uint8_t)(uuid->timeMid >> 8);
    octets[5] = (uint8_t)uuid->timeMid;
    octets[6] = (uint8_t)(uuid->timeHiAndVersion >> 8);
    octets[7] = (uint8_t)uuid->timeHiAndVersion;
    memcpy(octets + 8, uuid->clockSeqAndNode, 8);
}

/* GlobalPlatform: the data of the two GROUP logins is the group, the others have none. */
static bool read_login(struct opening *opening, uint32_t method, const void *data)
{
    opening->login = method;
    opening->has_group =
        method == TEEC_LOGIN_GROUP || method == TEEC_LOGIN_GROUP_APPLICATION;
    if (opening->has_group && data)
        memcpy(&opening->group, data, sizeof(opening->group));
    return data || !opening->has_group;
}

TEEC_Result TEEC_OpenSession(TEEC_Context *context, TEEC_Session *session,
                             const TEEC_UUID *destination, uint32_t method,
                             const void *data, TEEC_Operation *operation, uint32_t *origin)
{
    const struct stock *stock = context ? direct_context(context) : NULL;
    struct opening opening = { 0 };
    struct outcome outcome;
    int thread;

    if (stock)
        return stock->open_session(context, session, destination, method, data, operation,
                                   origin);
    if (!context || !session || !destination || !read_login(&opening, method, data))
        return report(bad_parameters(), origin);
    write_uuid(opening.uuid, destination);
    thread = keep_thread();
    outcome = operation_open(context, session, &opening, operation);
    free_thread(thread);
    return report(outcome, origin);
}

void TEEC_CloseSession(TEEC_Session *session)
{
    const struct stock *stock = session ? direct_session(session) : NULL;
    int thread;

    if (stock) {
        stock->close_session(session);
    } else if (session) {
        thread = keep_thread();
        session_close(session);
        free_thread(thread);
    }
}

TEEC_Result TEEC_InvokeCommand(TEEC_Session *session, uint32_t command,
                               TEEC_Operation *operation, uint32_t *origin)
{
    const struct stock *stock = session ? direct_session(session) : NULL;
    struct outcome outcome;
    int thread;

    if (stock)
        return stock->invoke_command(session, command, operation, origin);
    if (!session)
        return report(bad_parameters(), origin);
    thread = keep_thread();
    outcome = operation_invoke(session, command, operation);
    free_thread(thread);
    return report(outcome, origin);
}

TEEC_Result TEEC_RegisterSharedMemory(TEEC_Context *context, TEEC_SharedMemory *memory)
{
    const struct stock *stock = context ? direct_context(context) : NULL;
    TEEC_Result result;
    int thread;

    if (stock)
        return stock->register_shared_memory(context, memory);
    if (!context || !memory)
        return TEEC_ERROR_BAD_PARAMETERS;
    thread = keep_thread();
    result = memory_register(context, memory);
    free_thread(thread);
    return result;
}

TEEC_Result TEEC_RegisterSharedMemoryFileDescriptor(TEEC_Context *context,
                                                    TEEC_SharedMemory *memory, int fd)
{
    const struct stock *stock = context ? direct_context(context) : NULL;
    TEEC_Result result;
    int thread;

    if (stock)
        return stock->register_descriptor(context, memory, fd);
    if (!context || !memory || fd < 0)
        return TEEC_ERROR_BAD_PARAMETERS;
    thread = keep_thread();
    result = memory_register_fd(context, memory, fd);
    free_thread(thread);
    return result;
}

TEEC_Result TEEC_AllocateSharedMemory(TEEC_Context *context, TEEC_SharedMemory *memory)
{
    const struct stock *stock = context ? direct_context(context) : NULL;
    TEEC_Result result;
    int thread;

    if (stock)
        return stock->allocate_shared_memory(context, memory);
    if (!context || !memory)
        return TEEC_ERROR_BAD_PARAMETERS;
    thread = keep_thread();
    result = memory_allocate(context, memory);
    free_thread(thread);
    return result;
}

void TEEC_ReleaseSharedMemory(TEEC_SharedMemory *memory)
{
    const struct stock *stock = memory ? direct_memory(memory) : NULL;
    int thread;

    if (stock) {
        stock->release_shared_memory(memory);
    } else if (memory) {
        thread = keep_thread();
        memory_release(memory);
        free_thread(thread);
    }
}

void TEEC_RequestCancellation(TEEC_Operation *operation)
{
    const struct stock *stock = direct_any();
    int thread;

    if (!operation)
        return;
    /* The stock library leaves the session there; a call of ours clears it. */
    if (stock && operation->imp.session) {
        stock->request_cancellation(operation);
        return;
    }
    thread = keep_thread();
    call_cancel(operation);
    free_thread(thread);
}
