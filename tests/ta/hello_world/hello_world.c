/* SPDX-License-Identifier: BSD-2-Clause */
/* Count a number of the client's up and down; see ../README.md. */
#include <tee_internal_api.h>

enum { INCREMENT = 0, DECREMENT = 1 };

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
        TEE_PARAM_TYPES(TEE_PARAM_TYPE_VALUE_INOUT, TEE_PARAM_TYPE_NONE,
                        TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE);

    (void)session;
    if (number != INCREMENT && number != DECREMENT)
        return TEE_ERROR_NOT_SUPPORTED;
    if (types != expected)
        return TEE_ERROR_BAD_PARAMETERS;
    if (number == INCREMENT)
        p[0].value.a += 1;
    else
        p[0].value.a -= 1;
    return TEE_SUCCESS;
}
