/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings: see mapping.h. */
#define _GNU_SOURCE
#include "mapping.h"

#include <sys/mman.h>
#include <unistd.h>

/* The pages are there already, as the TEE has them; populating spares a fault for each. */
static void *map(const struct shared *shared)
{
    if (shared->fd < 0 || shared->size > SIZE_MAX)
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
    if (shared.fd >= 0)
        close(shared.fd);
    if (outcome.code == TEEC_ERROR_COMMUNICATION)
        return outcome;
    if (failed(outcome))
        return no_memory();
    if (at == MAP_FAILED) {
        /* Out of address space, or of descriptors when the answer came. */
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
