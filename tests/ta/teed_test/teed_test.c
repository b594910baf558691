/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trusted application that does whatever a test of teed needs done on the secure side.
 * ../README.md says what each command does.
 */
#include <tee_internal_api.h>

#define NONE TEE_PARAM_TYPE_NONE
#define TYPES(a, b, c) TEE_PARAM_TYPES(a, b, c, NONE)

#define VALUE_IN TEE_PARAM_TYPE_VALUE_INPUT
#define VALUE_OUT TEE_PARAM_TYPE_VALUE_OUTPUT
#define VALUE_INOUT TEE_PARAM_TYPE_VALUE_INOUT
#define MEMREF_IN TEE_PARAM_TYPE_MEMREF_INPUT
#define MEMREF_OUT TEE_PARAM_TYPE_MEMREF_OUTPUT
#define MEMREF_INOUT TEE_PARAM_TYPE_MEMREF_INOUT

#define IDENTITY_SIZE 16

struct session {
    uint32_t counts; /* calls of COUNT */
};

struct command {
    TEE_Result (*run)(struct session *session, TEE_Param p[4]);
    uint32_t types;
};

static uint32_t sessions_opened;

static TEE_Result values(struct session *session, TEE_Param p[4])
{
    (void)session;
    p[1].value.a = p[0].value.b;
    p[1].value.b = p[0].value.a;
    p[2].value.a += 1;
    p[2].value.b -= 1;
    return TEE_SUCCESS;
}

static TEE_Result xor_bytes(struct session *session, TEE_Param p[4])
{
    uint8_t *bytes = p[0].memref.buffer;
    size_t i;

    (void)session;
    for (i = 0; i < p[0].memref.size; i++)
        bytes[i] ^= (uint8_t)p[1].value.a;
    return TEE_SUCCESS;
}

static TEE_Result copy(struct session *session, TEE_Param p[4])
{
    size_t room = p[1].memref.size;

    (void)session;
    p[1].memref.size = p[0].memref.size;
    if (room < p[0].memref.size)
        return TEE_ERROR_SHORT_BUFFER;
    TEE_MemMove(p[1].memref.buffer, p[0].memref.buffer, p[0].memref.size);
    return TEE_SUCCESS;
}

static TEE_Result describe(struct session *session, TEE_Param p[4])
{
    (void)session;
    p[1].value.a = p[0].memref.size;
    p[1].value.b = p[0].memref.buffer != NULL;
    return TEE_SUCCESS;
}

/* OP-TEE looks for a cancellation when a wait is over, so a long one goes by small steps. */
static TEE_Result wait_for(uint32_t milliseconds)
{
    TEE_Result result = TEE_SUCCESS;

    while (milliseconds && !result) {
        uint32_t step = milliseconds < 10 ? milliseconds : 10;

        result = TEE_Wait(step);
        milliseconds -= step;
    }
    return result;
}

static TEE_Result wait(struct session *session, TEE_Param p[4])
{
    (void)session;
    if (p[0].value.b == 1)
        TEE_UnmaskCancellation();
    return wait_for(p[0].value.a);
}

static uint64_t now(void)
{
    TEE_Time time;

    TEE_GetSystemTime(&time);
    return (uint64_t)time.seconds * 1000 + time.millis;
}

static TEE_Result spin(struct session *session, TEE_Param p[4])
{
    uint64_t end = now() + p[0].value.a;

    (void)session;
    while (now() < end)
        ;
    return TEE_SUCCESS;
}

static TEE_Result panic(struct session *session, TEE_Param p[4])
{
    (void)session;
    TEE_Panic(p[0].value.a);
    return TEE_SUCCESS;
}

/* Write the low *count* octets of *number*, most significant first. */
static uint8_t *put(uint8_t *to, uint32_t number, unsigned int count)
{
    while (count-- > 0)
        *to++ = (uint8_t)(number >> (8 * count));
    return to;
}

static TEE_Result identity(struct session *session, TEE_Param p[4])
{
    TEE_Identity client;
    TEE_Result result;
    uint8_t *to = p[0].memref.buffer;
    size_t room = p[0].memref.size;

    (void)session;
    result = TEE_GetPropertyAsIdentity(TEE_PROPSET_CURRENT_CLIENT,
                                       "gpd.client.identity", &client);
    if (result != TEE_SUCCESS)
        return result;
    p[0].memref.size = IDENTITY_SIZE;
    p[1].value.a = client.login;
    if (room < IDENTITY_SIZE)
        return TEE_ERROR_SHORT_BUFFER;
    to = put(to, client.uuid.timeLow, 4);
    to = put(to, client.uuid.timeMid, 2);
    to = put(to, client.uuid.timeHiAndVersion, 2);
    TEE_MemMove(to, client.uuid.clockSeqAndNode, 8);
    return TEE_SUCCESS;
}

static TEE_Result count(struct session *session, TEE_Param p[4])
{
    session->counts += 1;
    p[0].value.a = session->counts;
    p[0].value.b = sessions_opened;
    return TEE_SUCCESS;
}

static TEE_Result return_code(struct session *session, TEE_Param p[4])
{
    (void)session;
    p[1].value.a = 0x5a5a5a5a;
    p[1].value.b = p[0].value.b;
    return p[0].value.a;
}

static TEE_Result fill(struct session *session, TEE_Param p[4])
{
    size_t room = p[0].memref.size;
    size_t wanted = p[1].value.b;

    (void)session;
    TEE_MemFill(p[0].memref.buffer, p[1].value.a, wanted < room ? wanted : room);
    p[0].memref.size = wanted;
    return wanted > room ? TEE_ERROR_SHORT_BUFFER : TEE_SUCCESS;
}

enum { NOP = 0, DESCRIBE = 4 }; /* the two that take more than one set of types */

static const struct command commands[] = {
    [1] = { values, TYPES(VALUE_IN, VALUE_OUT, VALUE_INOUT) },
    [2] = { xor_bytes, TYPES(MEMREF_INOUT, VALUE_IN, NONE) },
    [3] = { copy, TYPES(MEMREF_IN, MEMREF_OUT, NONE) },
    [DESCRIBE] = { describe, TYPES(MEMREF_IN, VALUE_OUT, NONE) },
    [5] = { wait, TYPES(VALUE_IN, NONE, NONE) },
    [6] = { spin, TYPES(VALUE_IN, NONE, NONE) },
    [7] = { panic, TYPES(VALUE_IN, NONE, NONE) },
    [8] = { identity, TYPES(MEMREF_OUT, VALUE_OUT, NONE) },
    [9] = { count, TYPES(VALUE_OUT, NONE, NONE) },
    [10] = { return_code, TYPES(VALUE_IN, VALUE_OUT, NONE) },
    [11] = { fill, TYPES(MEMREF_OUT, VALUE_IN, NONE) },
};

TEE_Result TA_CreateEntryPoint(void)
{
    return TEE_SUCCESS;
}

void TA_DestroyEntryPoint(void)
{
}

/* Do what parameter 0 asks of the opening of a session. */
static TEE_Result open_as_asked(uint32_t types, TEE_Param p[4])
{
    if (TEE_PARAM_TYPE_GET(types, 0) == VALUE_INOUT)
        p[0].value.a += 1;
    if (TEE_PARAM_TYPE_GET(types, 0) != VALUE_IN)
        return TEE_SUCCESS;
    switch (p[0].value.a) {
    case 1:
        return wait_for(p[0].value.b);
    case 2:
        return p[0].value.b;
    case 3:
        TEE_Panic(p[0].value.b);
        return TEE_ERROR_GENERIC;
    default:
        return TEE_SUCCESS;
    }
}

TEE_Result TA_OpenSessionEntryPoint(uint32_t types, TEE_Param p[4], void **opened)
{
    struct session *session;
    TEE_Result result = open_as_asked(types, p);

    if (result != TEE_SUCCESS)
        return result;
    session = TEE_Malloc(sizeof(*session), TEE_MALLOC_FILL_ZERO);
    if (!session)
        return TEE_ERROR_OUT_OF_MEMORY;
    sessions_opened += 1;
    *opened = session;
    return TEE_SUCCESS;
}

void TA_CloseSessionEntryPoint(void *session)
{
    TEE_Free(session);
}

TEE_Result TA_InvokeCommandEntryPoint(void *session, uint32_t number, uint32_t types,
                                      TEE_Param p[4])
{
    if (number == NOP)
        return TEE_SUCCESS;
    if (number >= sizeof(commands) / sizeof(commands[0]))
        return TEE_ERROR_NOT_SUPPORTED;
    if (number == DESCRIBE && (types == TYPES(MEMREF_OUT, VALUE_OUT, NONE) ||
                               types == TYPES(MEMREF_INOUT, VALUE_OUT, NONE)))
        return describe(session, p);
    if (types != commands[number].types)
        return TEE_ERROR_BAD_PARAMETERS;
    return commands[number].run(session, p);
}
