/* SPDX-License-Identifier: BSD-2-Clause */
/* Give the client random bytes; see ../README.md. */
#include <tee_internal_api.h>

enum { GENERATE = 0 };

TEE_Result TA_CreateEntryPoint(void)
{
    return TEE_SUCCESS;
}

void TA_DestroyEntryPoint(void)
{
}

TEE_Result TA_OpenSessionEntryPoint(uint32_t types, TEE_Param p[4], void **session)
{
    (void)types;
    (void)p;
    (void)session;
    return TEE_SUCCESS;
}

void TA_CloseSessionEntryPoint(void *session)
{
    (void)session;
}

TEE_Result TA_InvokeCommandEntryPoint(void *session, uint32_t number, uint32_t types,
                                      TEE_Param p[4])
{
    const uint32_t expected =
        TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_OUTPUT, TEE_PARAM_TYPE_NONE,
                        TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE);

    (void)session;
    if (number != GENERATE)
        return TEE_ERROR_NOT_SUPPORTED;
    if (types != expected)
        return TEE_ERROR_BAD_PARAMETERS;
    TEE_GenerateRandom(p[0].memref.buffer, p[0].memref.size);
    return TEE_SUCCESS;
}
