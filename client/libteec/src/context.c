/* SPDX-License-Identifier: BSD-2-Clause */
/* Contexts: see context.h. */
#define _GNU_SOURCE
#include "context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "descriptors.h"
#include "memory.h"
#include "process.h"
#include "session.h"

#define DEFAULT_SOCKET "/run/teed/teed.sock"

enum { IMPL_OPTEE = 1, OPTEE_CAP_TZ = 1 };
enum { GEN_CAP_GP = 1, GEN_CAP_REG_MEM = 4, GEN_CAP_MEMREF_NULL = 8 };

struct table contexts;

static struct context *context_new(int fd)
{
    struct context *context = calloc(1, sizeof(*context));

    if (!context) {
        descriptor_close(fd);
        return NULL;
    }
    context->references = 1;
    context->process = this_process;
    connection_init(&context->connection, fd);
    pthread_mutex_init(&context->copying, NULL);
    return context;
}

static void context_free(struct context *context)
{
    if (context->process == this_process) {
        connection_destroy(&context->connection);
        arena_destroy(&context->arena);
        pthread_mutex_destroy(&context->copying);
    }
    memory_forget(&context->small);
    free(context);
}

static bool fits(const char *name, const struct welcome *tee)
{
    if (!(tee->gen_caps & GEN_CAP_GP))
        return false;
    return !name || (tee->impl_id == IMPL_OPTEE && tee->impl_caps & OPTEE_CAP_TZ);
}

static struct outcome greet(struct context *context, const char *name)
{
    struct welcome tee;
    struct outcome outcome = request_hello(&context->connection, &tee);

    if (failed(outcome))
        return outcome;
    if (!fits(name, &tee))
        return ended(TEEC_ERROR_ITEM_NOT_FOUND, TEEC_ORIGIN_API);
    context->reg_mem = tee.gen_caps & GEN_CAP_REG_MEM;
    context->memref_null = tee.gen_caps & GEN_CAP_MEMREF_NULL;
    arena_init(&context->arena, (size_t)tee.arena);
    arena_init(&context->small, (size_t)tee.arena);
    return outcome;
}

static struct outcome enter_registry(struct context *context, TEEC_Context *theirs)
{
    uint32_t handle;

    pthread_mutex_lock(&registry_lock);
    handle = context->handle = table_add(&contexts, context);
    pthread_mutex_unlock(&registry_lock);
    if (!handle)
        return no_memory();
    theirs->imp.fd = (int)handle;
    theirs->imp.reg_mem = context->reg_mem;
    theirs->imp.memref_null = context->memref_null;
    return went_well();
}

struct outcome context_open(const char *name, TEEC_Context *theirs, int *refused)
{
    const char *path = secure_getenv("TEED_SOCKET");
    struct context *context;
    struct outcome outcome;
    int fd;

    *refused = 0;
    if (name && strcmp(name, "optee-tz") != 0)
        return ended(TEEC_ERROR_ITEM_NOT_FOUND, TEEC_ORIGIN_API);
    fd = packet_connect(path && *path ? path : DEFAULT_SOCKET);
    if (fd < 0) {
        *refused = fd;
        return fd == -EACCES ? ended(TEEC_ERROR_ACCESS_DENIED, TEEC_ORIGIN_COMMS) : lost();
    }
    context = context_new(fd);
    if (!context)
        return no_memory();
    outcome = greet(context, name);
    if (!failed(outcome))
        outcome = enter_registry(context, theirs);
    if (failed(outcome))
        context_release(context);
    return outcome;
}

void context_close(TEEC_Context *theirs)
{
    uint32_t handle = (uint32_t)theirs->imp.fd;
    struct context *context;

    pthread_mutex_lock(&registry_lock);
    context = table_find(&contexts, handle);
    table_remove(&contexts, handle);
    if (context)
        context->closed = true;
    pthread_mutex_unlock(&registry_lock);
    if (!context)
        return;
    session_close_all(context);
    if (context->process == this_process)
        connection_hang_up(&context->connection);
    context_release(context);
}

struct context *context_try(uint32_t handle)
{
    struct context *context;

    pthread_mutex_lock(&registry_lock);
    context = table_find(&contexts, handle);
    if (context && context->process != this_process)
        context = NULL;
    if (context)
        context->references++;
    pthread_mutex_unlock(&registry_lock);
    return context;
}

struct outcome context_hold(uint32_t handle, struct context **held)
{
    bool known;

    *held = context_try(handle);
    if (*held)
        return went_well();
    pthread_mutex_lock(&registry_lock);
    known = table_find(&contexts, handle);
    pthread_mutex_unlock(&registry_lock);
    return known ? parents() : not_ours();
}

void context_release(struct context *context)
{
    bool last;

    pthread_mutex_lock(&registry_lock);
    last = --context->references == 0;
    pthread_mutex_unlock(&registry_lock);
    if (last)
        context_free(context);
}
