/* SPDX-License-Identifier: BSD-2-Clause */
/* Encrypt a text with a new RSA key: acipher BITS TEXT.  It asks for the size that it needs. */
#include "example.h"

static const TEEC_UUID ACIPHER = {
    0xa734eed9, 0xd6a1, 0x4244, { 0xaa, 0x50, 0x7c, 0x99, 0x71, 0x9e, 0x7b, 0x7b }
};

enum { GENERATE_KEY = 0, ENCRYPT = 1 };

static void generate_key(uint32_t bits)
{
    TEEC_Operation operation = { 0 };
    uint32_t origin = 0;
    TEEC_Result result;

    operation.paramTypes =
        TEEC_PARAM_TYPES(TEEC_VALUE_INPUT, TEEC_NONE, TEEC_NONE, TEEC_NONE);
    operation.params[0].value.a = bits;
    result = TEEC_InvokeCommand(&session, GENERATE_KEY, &operation, &origin);
    expect("no key", TEEC_SUCCESS, result, origin);
}

int main(int count, char **arguments)
{
    TEEC_Operation operation = { 0 };
    TEEC_TempMemoryReference *made = &operation.params[1].tmpref;
    uint32_t origin = 0;
    TEEC_Result result;

    if (count != 3)
        return 2;
    start(&ACIPHER);
    generate_key((uint32_t)strtoul(arguments[1], NULL, 0));

    operation.paramTypes = TEEC_PARAM_TYPES(TEEC_MEMREF_TEMP_INPUT, TEEC_MEMREF_TEMP_OUTPUT,
                                            TEEC_NONE, TEEC_NONE);
    operation.params[0].tmpref.buffer = arguments[2];
    operation.params[0].tmpref.size = strlen(arguments[2]);
    result = TEEC_InvokeCommand(&session, ENCRYPT, &operation, &origin);
    expect("no size", TEEC_ERROR_SHORT_BUFFER, result, origin);

    made->buffer = malloc(made->size);
    if (!made->buffer)
        return 2;
    result = TEEC_InvokeCommand(&session, ENCRYPT, &operation, &origin);
    expect("no secret", TEEC_SUCCESS, result, origin);
    for (size_t i = 0; i < made->size; i++)
        printf("%02x", ((uint8_t *)made->buffer)[i]);
    printf("\n");
    return 0; /* like the example, it leaves the session to the end of its process */
}
