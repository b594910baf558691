/* SPDX-License-Identifier: BSD-2-Clause */
/* One object is written, read and deleted; another is made by one run and deleted by the next. */
#include "example.h"

static const TEEC_UUID SECURE_STORAGE = {
    0xf4e750bb, 0x1437, 0x4fbf, { 0x87, 0x85, 0x8d, 0x35, 0x80, 0xc3, 0x49, 0x94 }
};

enum { READ_RAW = 0, WRITE_RAW = 1, DELETE = 2, SIZE = 7000 };

static TEEC_Result run(uint32_t command, uint32_t content_type, char *name, void *content,
                       size_t size)
{
    TEEC_Operation operation = { 0 };
    uint32_t origin = 0;
    TEEC_Result result;

    operation.paramTypes =
        TEEC_PARAM_TYPES(TEEC_MEMREF_TEMP_INPUT, content_type, TEEC_NONE, TEEC_NONE);
    operation.params[0].tmpref.buffer = name;
    operation.params[0].tmpref.size = strlen(name);
    operation.params[1].tmpref.buffer = content;
    operation.params[1].tmpref.size = size;
    result = TEEC_InvokeCommand(&session, command, &operation, &origin);
    if (result != TEEC_ERROR_ITEM_NOT_FOUND)
        expect(name, TEEC_SUCCESS, result, origin);
    return result;
}

static TEEC_Result write_object(char *name, void *content, size_t size)
{
    return run(WRITE_RAW, TEEC_MEMREF_TEMP_INPUT, name, content, size);
}

static TEEC_Result read_object(char *name, void *content, size_t size)
{
    return run(READ_RAW, TEEC_MEMREF_TEMP_OUTPUT, name, content, size);
}

static TEEC_Result delete_object(char *name)
{
    return run(DELETE, TEEC_NONE, name, NULL, 0);
}

int main(void)
{
    char volatile_name[] = "object#1", lasting_name[] = "object#2";
    char text[] = "what the next run finds";
    static char written[SIZE], read[SIZE];

    start(&SECURE_STORAGE);
    memset(written, 0xa1, SIZE);
    write_object(volatile_name, written, SIZE);
    read_object(volatile_name, read, SIZE);
    printf("%s\n", memcmp(written, read, SIZE) == 0 ? "the same" : "something else");
    delete_object(volatile_name);
    if (read_object(volatile_name, read, SIZE) != TEEC_ERROR_ITEM_NOT_FOUND)
        printf("not deleted\n");

    if (read_object(lasting_name, read, SIZE) == TEEC_ERROR_ITEM_NOT_FOUND) {
        write_object(lasting_name, text, sizeof(text));
        printf("written\n");
    } else {
        printf("%s\n", read);
        delete_object(lasting_name);
    }
    finish();
    return 0;
}
