/* SPDX-License-Identifier: BSD-2-Clause */
/* AES for the client, a session for each key; see ../README.md. */
#include <tee_internal_api.h>

#define BLOCK_SIZE 16

#define NONE TEE_PARAM_TYPE_NONE
#define VALUE_IN TEE_PARAM_TYPE_VALUE_INPUT
#define MEMREF_IN TEE_PARAM_TYPE_MEMREF_INPUT
#define MEMREF_OUT TEE_PARAM_TYPE_MEMREF_OUTPUT

enum { PREPARE = 0, SET_KEY = 1, SET_IV = 2, CIPHER = 3 };
enum { ECB = 0, CBC = 1, CTR = 2 };

/* What was done so far; each step needs the one before.  ECB needs no IV. */
enum progress { NEW, PREPARED, KEYED, READY };

struct cipher {
    enum progress progress;
    uint32_t mode;
    size_t key_size;
    TEE_OperationHandle operation;
    TEE_ObjectHandle key;
};

static const uint32_t algorithms[] = {
    [ECB] = TEE_ALG_AES_ECB_NOPAD,
    [CBC] = TEE_ALG_AES_CBC_NOPAD,
    [CTR] = TEE_ALG_AES_CTR,
};

TEE_Result TA_CreateEntryPoint(void)
{
    return TEE_SUCCESS;
}

void TA_DestroyEntryPoint(void)
{
}

TEE_Result TA_OpenSessionEntryPoint(uint32_t types, TEE_Param p[4], void **session)
{
    struct cipher *cipher = TEE_Malloc(sizeof(*cipher), TEE_MALLOC_FILL_ZERO);

    (void)types;
    (void)p;
    if (!cipher)
        return TEE_ERROR_OUT_OF_MEMORY;
    *session = cipher;
    return TEE_SUCCESS;
}

static void forget(struct cipher *cipher)
{
    if (cipher->operation)
        TEE_FreeOperation(cipher->operation);
    if (cipher->key)
        TEE_FreeTransientObject(cipher->key);
    TEE_MemFill(cipher, 0, sizeof(*cipher));
}

void TA_CloseSessionEntryPoint(void *session)
{
    forget(session);
    TEE_Free(session);
}

static TEE_Result prepare(struct cipher *cipher, TEE_Param p[4])
{
    uint32_t mode = p[0].value.a;
    uint32_t key_size = p[1].value.a;
    uint32_t direction = p[2].value.a;
    TEE_Result result;

    if (mode > CTR || (key_size != 16 && key_size != 32) || direction > 1)
        return TEE_ERROR_BAD_PARAMETERS;
    forget(cipher);
    result = TEE_AllocateOperation(&cipher->operation, algorithms[mode],
                                   direction == 1 ? TEE_MODE_ENCRYPT : TEE_MODE_DECRYPT,
                                   key_size * 8);
    if (result == TEE_SUCCESS)
        result = TEE_AllocateTransientObject(TEE_TYPE_AES, key_size * 8, &cipher->key);
    if (result != TEE_SUCCESS) {
        forget(cipher);
        return result;
    }
    cipher->mode = mode;
    cipher->key_size = key_size;
    cipher->progress = PREPARED;
    return TEE_SUCCESS;
}

static TEE_Result set_key(struct cipher *cipher, TEE_Param p[4])
{
    TEE_Attribute secret;
    TEE_Result result;

    if (p[0].memref.size != cipher->key_size)
        return TEE_ERROR_BAD_PARAMETERS;
    TEE_InitRefAttribute(&secret, TEE_ATTR_SECRET_VALUE, p[0].memref.buffer,
                         p[0].memref.size);
    TEE_ResetTransientObject(cipher->key);
    result = TEE_PopulateTransientObject(cipher->key, &secret, 1);
    if (result != TEE_SUCCESS)
        return result;
    if (cipher->progress >= KEYED) /* one that has a key takes no other */
        TEE_ResetOperation(cipher->operation);
    result = TEE_SetOperationKey(cipher->operation, cipher->key);
    if (result != TEE_SUCCESS)
        return result;
    cipher->progress = KEYED;
    if (cipher->mode == ECB) {
        TEE_CipherInit(cipher->operation, NULL, 0);
        cipher->progress = READY;
    }
    return TEE_SUCCESS;
}

static TEE_Result set_iv(struct cipher *cipher, TEE_Param p[4])
{
    if (p[0].memref.size != BLOCK_SIZE)
        return TEE_ERROR_BAD_PARAMETERS;
    if (cipher->mode == ECB)
        TEE_CipherInit(cipher->operation, NULL, 0);
    else
        TEE_CipherInit(cipher->operation, p[0].memref.buffer, BLOCK_SIZE);
    cipher->progress = READY;
    return TEE_SUCCESS;
}

static TEE_Result run_cipher(struct cipher *cipher, TEE_Param p[4])
{
    size_t size = p[0].memref.size;
    size_t room = p[1].memref.size;

    if (cipher->mode != CTR && size % BLOCK_SIZE != 0)
        return TEE_ERROR_BAD_PARAMETERS;
    p[1].memref.size = size;
    if (room < size)
        return TEE_ERROR_SHORT_BUFFER;
    if (size == 0)
        return TEE_SUCCESS;
    return TEE_CipherUpdate(cipher->operation, p[0].memref.buffer, size,
                            p[1].memref.buffer, &p[1].memref.size);
}

static const struct {
    TEE_Result (*run)(struct cipher *cipher, TEE_Param p[4]);
    enum progress needs;
    uint32_t types;
} commands[] = {
    [PREPARE] = { prepare, NEW, TEE_PARAM_TYPES(VALUE_IN, VALUE_IN, VALUE_IN, NONE) },
    [SET_KEY] = { set_key, PREPARED, TEE_PARAM_TYPES(MEMREF_IN, NONE, NONE, NONE) },
    [SET_IV] = { set_iv, KEYED, TEE_PARAM_TYPES(MEMREF_IN, NONE, NONE, NONE) },
    [CIPHER] = { run_cipher, READY, TEE_PARAM_TYPES(MEMREF_IN, MEMREF_OUT, NONE, NONE) },
};

TEE_Result TA_InvokeCommandEntryPoint(void *session, uint32_t number, uint32_t types,
                                      TEE_Param p[4])
{
    struct cipher *cipher = session;

    if (number >= sizeof(commands) / sizeof(commands[0]))
        return TEE_ERROR_NOT_SUPPORTED;
    if (types != commands[number].types)
        return TEE_ERROR_BAD_PARAMETERS;
    if (cipher->progress < commands[number].needs)
        return TEE_ERROR_BAD_STATE;
    return commands[number].run(cipher, p);
}
