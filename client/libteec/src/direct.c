/* SPDX-License-Identifier: BSD-2-Clause */
/* The stock library: see direct.h.  It is loaded once, and stays. */
#define _GNU_SOURCE
#include "direct.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "session.h"

/* Where distributions have it; full names, for the bare one is this library's own. */
static const char *const places[] = {
    "/usr/lib/aarch64-linux-gnu/libteec.so.2", "/usr/lib/arm-linux-gnueabihf/libteec.so.2",
    "/usr/lib/x86_64-linux-gnu/libteec.so.2",  "/usr/lib/riscv64-linux-gnu/libteec.so.2",
    "/usr/lib64/libteec.so.2",                 "/usr/lib/libteec.so.2",
};

static const struct {
    const char *name;
    size_t place;
} symbols[] = {
    { "TEEC_InitializeContext", offsetof(struct stock, initialize_context) },
    { "TEEC_FinalizeContext", offsetof(struct stock, finalize_context) },
    { "TEEC_OpenSession", offsetof(struct stock, open_session) },
    { "TEEC_CloseSession", offsetof(struct stock, close_session) },
    { "TEEC_InvokeCommand", offsetof(struct stock, invoke_command) },
    { "TEEC_RegisterSharedMemory", offsetof(struct stock, register_shared_memory) },
    { "TEEC_RegisterSharedMemoryFileDescriptor", offsetof(struct stock, register_descriptor) },
    { "TEEC_AllocateSharedMemory", offsetof(struct stock, allocate_shared_memory) },
    { "TEEC_ReleaseSharedMemory", offsetof(struct stock, release_shared_memory) },
    { "TEEC_RequestCancellation", offsetof(struct stock, request_cancellation) },
};

static struct stock stock;
static _Atomic(const struct stock *) loaded;

bool direct_is_wanted(int refused)
{
    const char *fallback = secure_getenv("TEED_FALLBACK");

    /* Somebody who is there and does not want us is not a reason to go around. */
    return (refused == -ENOENT || refused == -ECONNREFUSED || refused == -ENOTDIR) &&
           fallback && strcmp(fallback, "direct") == 0;
}

/* All of its functions; false when one is missing, or is this library's. */
static bool bind(void *library)
{
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *found = dlsym(library, symbols[i].name);

        if (!found)
            return false;
        memcpy((char *)&stock + symbols[i].place, &found, sizeof(found));
    }
    return stock.initialize_context != TEEC_InitializeContext;
}

static bool load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!library)
        return false;
    if (bind(library))
        return true;
    dlclose(library);
    return false;
}

static void find(void)
{
    const char *chosen = secure_getenv("TEED_STOCK_LIBTEEC");
    bool found = chosen && *chosen && load(chosen);

    for (size_t i = 0; !chosen && !found && i < sizeof(places) / sizeof(places[0]); i++)
        found = load(places[i]);
    if (found)
        atomic_store(&loaded, &stock);
}

const struct stock *direct_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, find);
    return direct_any();
}

const struct stock *direct_any(void)
{
    return atomic_load(&loaded);
}

const struct stock *direct_context(const TEEC_Context *context)
{
    return (uint32_t)context->imp.fd & HANDLE_BIT ? NULL : direct_any();
}

const struct stock *direct_session(const TEEC_Session *session)
{
    return session_is_ours(session) ? NULL : direct_any();
}

const struct stock *direct_memory(const TEEC_SharedMemory *memory)
{
    return memory_is_ours(memory) ? NULL : direct_any();
}
