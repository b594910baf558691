/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TEEC_SharedMemory, which needs no object of ours: all there is to know stands in it.
 *
 * Allocated memory is what teed gave, mapped: the TEE works in these very pages.  Memory that
 * the application has already cannot be shared with teed: it gets a shadow, shared memory of
 * the same size, which is filled before each call and copied back after it.
 *
 * Both stand in pages of their own.  Small memory has them in one buffer of its context, side
 * by side, so that only the first of it is asked of teed.
 */
#ifndef LIBTEEC_MEMORY_H
#define LIBTEEC_MEMORY_H

#include "context.h"

TEEC_Result memory_allocate(const TEEC_Context *theirs, TEEC_SharedMemory *memory);
TEEC_Result memory_register(const TEEC_Context *theirs, TEEC_SharedMemory *memory);
TEEC_Result memory_register_fd(const TEEC_Context *theirs, TEEC_SharedMemory *memory, int fd);
void memory_release(TEEC_SharedMemory *memory);

/* Whether it was made by this library, and not released. */
bool memory_is_ours(const TEEC_SharedMemory *memory);

/* Whether it belongs to the context, and is as big as it says. */
bool memory_fits(const TEEC_SharedMemory *memory, const struct context *context);

/* The buffer at teed that it stands in, and where it begins there. */
uint32_t memory_number(const TEEC_SharedMemory *memory);
size_t memory_start(const TEEC_SharedMemory *memory, const struct context *context);

/* At the end of a context: what is small and was not released stays mapped until it is. */
void memory_forget(struct arena *small);

/* What the TEE sees of it, or NULL if that is the application's own bytes. */
uint8_t *memory_shadow(const TEEC_SharedMemory *memory);

#endif
