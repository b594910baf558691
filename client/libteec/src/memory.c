/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared memory: see memory.h. */
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* In imp.registered_fd: no descriptor, and nothing that the stock library writes there. */
enum { MARK = -0x7eed, SMALL = -0x7eee };

/* How many that are as big as small ones may be have room beside each other. */
enum { SMALL_ONES = 4 };

/* What an empty one takes: it must have an address, though nobody may look there. */
enum { LEAST = 8 };

static bool flags_are_good(const TEEC_SharedMemory *memory)
{
    return memory->flags && !(memory->flags & ~(uint32_t)(TEEC_MEM_INPUT | TEEC_MEM_OUTPUT));
}

static bool is_small(const TEEC_SharedMemory *memory)
{
    return memory->imp.registered_fd == SMALL;
}

static void note(TEEC_SharedMemory *memory, int mark, const struct mapping *mapping,
                 uint32_t handle)
{
    memory->imp.id = (int)mapping->number;
    memory->imp.registered_fd = mark;
    memory->imp.flags = handle;
    memory->imp.shadow_buffer = mapping->at;
    memory->imp.alloced_size = mapping->size;
}

/* Pages beside other small memory; none, which is no failure, where it does not fit. */
static struct outcome make_small(struct context *context, size_t size, struct mapping *mapping)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (size + page - 1) & ~(page - 1);
    struct arena *small = &context->small;
    struct block *block;
    struct outcome outcome;

    mapping->at = NULL;
    if (size > SIZE_MAX - page || room > small->size / SMALL_ONES)
        return went_well();
    if (connection_is_over(&context->connection))
        return lost();
    block = malloc(sizeof(*block));
    if (!block)
        return went_well();
    outcome = arena_take(small, &context->connection, block, room);
    if (failed(outcome) || !block->size) {
        free(block);
        return outcome;
    }
    *mapping = (struct mapping){ small->memory.number, small->memory.at + block->start, room };
    memset(mapping->at, 0, room); /* somebody may have had it */
    return outcome;
}

/* Memory of teed's, as big as the application says. */
static struct outcome make(const TEEC_Context *theirs, TEEC_SharedMemory *memory)
{
    size_t size = memory->size ? memory->size : LEAST;
    struct context *context;
    struct mapping mapping;
    struct outcome outcome = context_hold((uint32_t)theirs->imp.fd, &context);
    int mark = SMALL;

    if (failed(outcome))
        return outcome;
    outcome = make_small(context, size, &mapping);
    if (!failed(outcome) && !mapping.at) {
        mark = MARK;
        outcome = mapping_make(&context->connection, size, &mapping);
    }
    if (!failed(outcome))
        note(memory, mark, &mapping, context->handle);
    context_release(context);
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
    memory->buffer = NULL;
    memory->size = (size_t)about.st_size;
    note(memory, MARK, &(struct mapping){ shared.number, NULL, memory->size },
         (uint32_t)theirs->imp.fd);
    return TEEC_SUCCESS;
}

static void give_back_small(struct arena *small, const uint8_t *at)
{
    struct block *block = arena_find(small, at);

    if (!block)
        return; /* released twice, by way of a copy */
    arena_give_back(small, block);
    free(block);
}

void memory_forget(struct arena *small)
{
    if (pthread_mutex_trylock(&small->lock))
        return; /* a child, whose parent's other thread was at it */
    pthread_mutex_unlock(&small->lock);
    arena_destroy(small);
    while (small->blocks) {
        struct block *block = small->blocks;

        small->blocks = block->next;
        free(block);
    }
}

void memory_release(TEEC_SharedMemory *memory)
{
    struct context *context;

    if (!memory_is_ours(memory))
        return;
    /* Without its context, or in a child of this process, there is nothing to tell teed. */
    context = context_try(memory->imp.flags);
    if (memory->imp.shadow_buffer && !(context && is_small(memory)))
        munmap(memory->imp.shadow_buffer, memory->imp.alloced_size);
    if (context && is_small(memory))
        give_back_small(&context->small, memory->imp.shadow_buffer);
    else if (context)
        request_release(&context->connection, (uint32_t)memory->imp.id);
    if (context)
        context_release(context);
    memory->buffer = NULL;
    memory->imp.id = -1;
    memory->imp.shadow_buffer = NULL;
    memory->imp.registered_fd = -1;
    memory->imp.flags = 0;
}

bool memory_is_ours(const TEEC_SharedMemory *memory)
{
    return memory->imp.registered_fd == MARK || is_small(memory);
}

bool memory_fits(const TEEC_SharedMemory *memory, const struct context *context)
{
    return memory_is_ours(memory) && memory->imp.flags == context->handle &&
           memory->size <= memory->imp.alloced_size;
}

uint32_t memory_number(const TEEC_SharedMemory *memory)
{
    return (uint32_t)memory->imp.id;
}

size_t memory_start(const TEEC_SharedMemory *memory, const struct context *context)
{
    const uint8_t *at = memory->imp.shadow_buffer;

    return is_small(memory) ? (size_t)(at - context->small.memory.at) : 0;
}

uint8_t *memory_shadow(const TEEC_SharedMemory *memory)
{
    if (memory->imp.shadow_buffer == memory->buffer)
        return NULL;
    return memory->imp.shadow_buffer;
}
