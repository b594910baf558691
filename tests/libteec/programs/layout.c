/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table of sizes, offsets and constants in a section of its own: it is read from the object
 * file, so that it can be compared for machines that nobody has here.
 */
#include <stddef.h>
#include <stdint.h>
#include <tee_client_api.h>
#include <tee_client_api_extensions.h>

#define SIZE(type) sizeof(type),
#define OFFSET(type, field) offsetof(type, field),
#define CONSTANT(value) value,

__attribute__((section("layout"), used)) static const uint64_t numbers[] = {
#include "layout.def"
};

/* The same functions, or this does not compile. */
struct functions {
    TEEC_Result (*initialize_context)(const char *, TEEC_Context *);
    void (*finalize_context)(TEEC_Context *);
    TEEC_Result (*open_session)(TEEC_Context *, TEEC_Session *, const TEEC_UUID *, uint32_t,
                                const void *, TEEC_Operation *, uint32_t *);
    void (*close_session)(TEEC_Session *);
    TEEC_Result (*invoke_command)(TEEC_Session *, uint32_t, TEEC_Operation *, uint32_t *);
    TEEC_Result (*register_memory)(TEEC_Context *, TEEC_SharedMemory *);
    TEEC_Result (*register_descriptor)(TEEC_Context *, TEEC_SharedMemory *, int);
    TEEC_Result (*allocate_memory)(TEEC_Context *, TEEC_SharedMemory *);
    void (*release_memory)(TEEC_SharedMemory *);
    void (*request_cancellation)(TEEC_Operation *);
};

const struct functions functions = {
    TEEC_InitializeContext,
    TEEC_FinalizeContext,
    TEEC_OpenSession,
    TEEC_CloseSession,
    TEEC_InvokeCommand,
    TEEC_RegisterSharedMemory,
    TEEC_RegisterSharedMemoryFileDescriptor,
    TEEC_AllocateSharedMemory,
    TEEC_ReleaseSharedMemory,
    TEEC_RequestCancellation,
};
