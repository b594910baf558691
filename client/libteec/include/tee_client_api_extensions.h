/* SPDX-License-Identifier: BSD-2-Clause */
/* What OP-TEE's client library offers beyond GlobalPlatform's API. */
#ifndef TEE_CLIENT_API_EXTENSIONS_H
#define TEE_CLIENT_API_EXTENSIONS_H

#include <tee_client_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Share the memory behind a descriptor: with teed, a memfd that is sealed against shrinking,
 * growing and further seals.  `size` is set, `buffer` is NULL: whoever wants to look at the
 * memory maps the descriptor.
 */
TEEC_Result TEEC_RegisterSharedMemoryFileDescriptor(TEEC_Context *context,
                                                    TEEC_SharedMemory *sharedMem,
                                                    int fd);

#ifdef __cplusplus
}
#endif

#endif
