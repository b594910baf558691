/* SPDX-License-Identifier: BSD-2-Clause */
/* Ten one-time passwords for the key of RFC 4226, appendix D. */
#include "example.h"

static const TEEC_UUID HOTP = {
    0x484d4143, 0x2d53, 0x4841, { 0x31, 0x20, 0x4a, 0x6f, 0x63, 0x6b, 0x65, 0x42 }
};

enum { REGISTER_SHARED_KEY = 0, GET_HOTP = 1 };

int main(void)
{
    char key[] = "12345678901234567890";
    TEEC_Operation operation = { 0 };
    uint32_t origin = 0;
    TEEC_Result result;

    start(&HOTP);
    operation.paramTypes =
        TEEC_PARAM_TYPES(TEEC_MEMREF_TEMP_INPUT, TEEC_NONE, TEEC_NONE, TEEC_NONE);
    operation.params[0].tmpref.buffer = key;
    operation.params[0].tmpref.size = strlen(key);
    result = TEEC_InvokeCommand(&session, REGISTER_SHARED_KEY, &operation, &origin);
    expect("no key", TEEC_SUCCESS, result, origin);

    /* The same operation again, with whatever is still in it. */
    operation.paramTypes =
        TEEC_PARAM_TYPES(TEEC_VALUE_OUTPUT, TEEC_NONE, TEEC_NONE, TEEC_NONE);
    for (int i = 0; i < 10; i++) {
        result = TEEC_InvokeCommand(&session, GET_HOTP, &operation, &origin);
        expect("no password", TEEC_SUCCESS, result, origin);
        printf("%06u\n", operation.params[0].value.a);
    }
    finish();
    return 0;
}
