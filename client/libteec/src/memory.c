/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared memory: see memory.h. */
#include "memory.h"

#include <sys/mman.h>
#include <sys/stat.h>

/* In imp.registered_fd: no descriptor, and nothing that the stock library writes there. */
enum { MARK = -0x7eed };

/* What an empty one takes: it must have an address, though nobody may look there. */
enum { LEAST = 8 };

static bool flags_are_good(const TEEC_SharedMemory *memory)
{
    return memory->flags && !(memory->flags & ~(uint32_t)(TEEC_MEM_INPUT | TEEC_MEM_OUTPUT));
}

static void mark(TEEC_SharedMemory *memory, uint32_t number, const TEEC_Context *theirs)
{
    memory->imp.id = (int)number;
    memory->imp.registered_fd = MARK;
    memory->imp.flags = (uint32_t)theirs->imp.fd;
}

/* Memory of teed's, as big as the application says. */
static struct outcome make(const TEEC_Context *theirs, TEEC_SharedMemory *memory)
{
    struct context *context;
    struct mapping mapping;
    struct outcome outcome = context_hold((uint32_t)theirs->imp.fd, &context);

    if (failed(outcome))
        return outcome;
    outcome = mapping_make(&context->connection, memory->size ? memory->size : LEAST,
                           &mapping);
    context_release(context);
    if (failed(outcome))
        return outcome;
    mark(memory, mapping.number, theirs);
    memory->imp.shadow_buffer = mapping.at;
    memory->imp.alloced_size = mapping.size;
    return outcome;
}

TEEC_Result memory_allocate(const TEEC_Context *theirs, TEEC_SharedMemory *memory)
{
    struct outcome outcome;

    if (!flags_are_good(memory))
        return TEEC_ERROR_BAD_PARAMETERS;
    outcome = make(theirs, memory);
    memory->buffer = failed(outcome) ? NULL : memory->imp.shadow_buffer;
    return outcome.code;
}

TEEC_Result memory_register(const TEEC_Context *theirs, TEEC_SharedMemory *memory)
{
    if (!flags_are_good(memory) || !memory->buffer)
        return TEEC_ERROR_BAD_PARAMETERS;
    return make(theirs, memory).code;
}

TEEC_Result memory_register_fd(const TEEC_Context *theirs, TEEC_SharedMemory *memory, int fd)
{
    struct shared shared;
    struct context *context;
    struct outcome outcome;
    struct stat about;

    if (!flags_are_good(memory) || fstat(fd, &about) < 0 || about.st_size <= 0)
        return TEEC_ERROR_BAD_PARAMETERS;
    outcome = context_hold((uint32_t)theirs->imp.fd, &context);
    if (failed(outcome))
        return outcome.code;
    outcome = request_register(&context->connection, fd, (uint64_t)about.st_size, &shared);
    context_release(context);
    if (failed(outcome)) /* the one code that the stock library has for it */
        return outcome.code == TEEC_ERROR_COMMUNICATION ? outcome.code
                                                        : TEEC_ERROR_BAD_PARAMETERS;
    mark(memory, shared.number, theirs);
    memory->buffer = NULL;
    memory->size = (size_t)about.st_size;
    memory->imp.shadow_buffer = NULL;
    memory->imp.alloced_size = memory->size;
    return TEEC_SUCCESS;
}

void memory_release(TEEC_SharedMemory *memory)
{
    struct context *context;

    if (!memory_is_ours(memory))
        return;
    if (memory->imp.shadow_buffer)
        munmap(memory->imp.shadow_buffer, memory->imp.alloced_size);
    /* Without its context, or in a child of this process, there is nothing to tell teed. */
    context = context_try(memory->imp.flags);
    if (context) {
        request_release(&context->connection, (uint32_t)memory->imp.id);
        context_release(context);
    }
    memory->buffer = NULL;
    memory->imp.id = -1;
    memory->imp.shadow_buffer = NULL;
    memory->imp.registered_fd = -1;
    memory->imp.flags = 0;
}

bool memory_is_ours(const TEEC_SharedMemory *memory)
{
    return memory->imp.registered_fd == MARK;
}

bool memory_fits(const TEEC_SharedMemory *memory, const struct context *context)
{
    return memory_is_ours(memory) && memory->imp.flags == context->handle &&
           memory->size <= memory->imp.alloced_size;
}

uint8_t *memory_shadow(const TEEC_SharedMemory *memory)
{
    if (memory->imp.shadow_buffer == memory->buffer)
        return NULL;
    return memory->imp.shadow_buffer;
}
