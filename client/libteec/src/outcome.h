/* SPDX-License-Identifier: BSD-2-Clause */
/* How something ended: a result code, and where it came from. */
#ifndef LIBTEEC_OUTCOME_H
#define LIBTEEC_OUTCOME_H

#include <stdbool.h>
#include <tee_client_api.h>

struct outcome {
    TEEC_Result code;
    uint32_t origin;
};

static inline struct outcome ended(TEEC_Result code, uint32_t origin)
{
    return (struct outcome){ code, origin };
}

static inline struct outcome went_well(void)
{
    return ended(TEEC_SUCCESS, TEEC_ORIGIN_API);
}

/* teed cannot be reached, has gone away, or does not make sense. */
static inline struct outcome lost(void)
{
    return ended(TEEC_ERROR_COMMUNICATION, TEEC_ORIGIN_COMMS);
}

static inline struct outcome bad_parameters(void)
{
    return ended(TEEC_ERROR_BAD_PARAMETERS, TEEC_ORIGIN_API);
}

static inline struct outcome no_memory(void)
{
    return ended(TEEC_ERROR_OUT_OF_MEMORY, TEEC_ORIGIN_API);
}

/* What the kernel would say (EINVAL) to a session or memory that is not the context's. */
static inline struct outcome not_ours(void)
{
    return ended(TEEC_ERROR_BAD_PARAMETERS, TEEC_ORIGIN_COMMS);
}

static inline bool failed(struct outcome outcome)
{
    return outcome.code != TEEC_SUCCESS;
}

#endif
