/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings: see mapping.h. */
#define _GNU_SOURCE
#include "mapping.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "descriptors.h"

/*
 * A file that ends earlier than teed says would be a SIGBUS later.  Memory that a driver made
 * is no regular file, and tells no size.
 */
static bool is_as_big_as_said(const struct shared *shared)
{
    struct stat about;

    return shared->size <= SIZE_MAX && fstat(shared->fd, &about) == 0 &&
           (!S_ISREG(about.st_mode) || (uint64_t)about.st_size >= shared->size);
}

/* The pages are there already, as the TEE has them; populating spares a fault for each. */
static void *map(const struct shared *shared)
{
    if (!is_as_big_as_said(shared))
        return MAP_FAILED;
    return mmap(NULL, (size_t)shared->size, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_POPULATE, shared->fd, 0);
}

struct outcome mapping_make(struct connection *connection, size_t size,
                            struct mapping *mapping)
{
    struct shared shared = { .fd = -1 };
    struct outcome outcome = request_allocate(connection, size, &shared);
    void *at = MAP_FAILED;

    *mapping = (struct mapping){ 0 };
    if (!failed(outcome))
        at = map(&shared);
    descriptor_close(shared.fd);
    if (outcome.code == TEEC_ERROR_COMMUNICATION)
        return outcome;
    if (failed(outcome))
        return no_memory();
    if (at == MAP_FAILED) {
        /* Out of address space, or of descriptors when the answer came; or nonsense came. */
        request_release(connection, shared.number);
        return no_memory();
    }
    *mapping = (struct mapping){ shared.number, at, (size_t)shared.size };
    return outcome;
}

void mapping_undo(struct connection *connection, struct mapping *mapping)
{
    if (!mapping->at)
        return;
    munmap(mapping->at, mapping->size);
    request_release(connection, mapping->number);
    mapping->at = NULL;
}
