/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stock library, for contexts that were made without teed.
 *
 * With TEED_FALLBACK=direct in the environment, a context that finds nobody at teed's socket
 * is the stock library's.  Its structures hold what that library writes there, which is never
 * what this one does: a handle in imp.fd, a mark in imp.ctx or imp.registered_fd.
 */
#ifndef LIBTEEC_DIRECT_H
#define LIBTEEC_DIRECT_H

#include <stdbool.h>
#include <tee_client_api.h>
#include <tee_client_api_extensions.h>

struct stock {
    TEEC_Result (*initialize_context)(const char *, TEEC_Context *);
    void (*finalize_context)(TEEC_Context *);
    TEEC_Result (*open_session)(TEEC_Context *, TEEC_Session *, const TEEC_UUID *, uint32_t,
                                const void *, TEEC_Operation *, uint32_t *);
    void (*close_session)(TEEC_Session *);
    TEEC_Result (*invoke_command)(TEEC_Session *, uint32_t, TEEC_Operation *, uint32_t *);
    TEEC_Result (*register_shared_memory)(TEEC_Context *, TEEC_SharedMemory *);
    TEEC_Result (*register_descriptor)(TEEC_Context *, TEEC_SharedMemory *, int);
    TEEC_Result (*allocate_shared_memory)(TEEC_Context *, TEEC_SharedMemory *);
    void (*release_shared_memory)(TEEC_SharedMemory *);
    void (*request_cancellation)(TEEC_Operation *);
};

/* Whether a context that cannot reach teed, for this -errno, is to be the stock library's. */
bool direct_is_wanted(int refused);

/* Load the stock library; NULL where there is none. */
const struct stock *direct_load(void);

/* The stock library if it was loaded; each tells whether the structure is its own. */
const struct stock *direct_context(const TEEC_Context *context);
const struct stock *direct_session(const TEEC_Session *session);
const struct stock *direct_memory(const TEEC_SharedMemory *memory);
const struct stock *direct_any(void);

#endif
