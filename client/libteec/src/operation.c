/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations: see operation.h. */
#include "operation.h"

#include <string.h>

#include "memory.h"

/* Attributes of a memory reference: what the kernel calls TEE_IOCTL_PARAM_ATTR_TYPE_*. */
enum { MEMREF = 4, INPUT = 1, OUTPUT = 2 };

static const uint64_t NO_BUFFER = UINT64_MAX; /* TEE_MEMREF_NULL */

static void read_value(struct parameter *parameter, uint32_t type, const TEEC_Value *value)
{
    *parameter = (struct parameter){ .attr = type, .a = value->a, .b = value->b };
}

static struct outcome read_temporary(struct arguments *arguments, unsigned int i,
                                     uint32_t type, const TEEC_TempMemoryReference *tmpref,
                                     const struct context *context)
{
    if (!tmpref->buffer && tmpref->size)
        return bad_parameters();
    arguments->parameters.at[i] =
        (struct parameter){ .attr = type, .b = tmpref->size, .c = NO_BUFFER };
    if (!tmpref->buffer && context->memref_null)
        return went_well();
    return place_temporary(&arguments->places.at[i], tmpref->buffer, tmpref->size);
}

/* A reference to shared memory, of *size* bytes at *offset*, which are inside it. */
static struct outcome read_reference(struct arguments *arguments, unsigned int i,
                                     const TEEC_SharedMemory *memory, size_t offset,
                                     size_t size, const struct context *context)
{
    uint8_t *shadow = memory_shadow(memory);
    struct parameter *parameter = &arguments->parameters.at[i];

    if (!memory_fits(memory, context))
        return not_ours();
    parameter->a = memory_start(memory, context) + offset;
    parameter->b = size;
    parameter->c = memory_number(memory);
    if (shadow)
        arguments->places.at[i] =
            (struct place){ .shared = shadow + offset,
                            .application = (uint8_t *)memory->buffer + offset,
                            .size = size,
                            .output = parameter->attr & OUTPUT };
    return went_well();
}

static struct outcome read_whole(struct arguments *arguments, unsigned int i,
                                 const TEEC_RegisteredMemoryReference *memref,
                                 const struct context *context)
{
    const TEEC_SharedMemory *memory = memref->parent;

    if (!memory || !(memory->flags & (TEEC_MEM_INPUT | TEEC_MEM_OUTPUT)))
        return bad_parameters();
    arguments->parameters.at[i].attr =
        MEMREF | (memory->flags & (TEEC_MEM_INPUT | TEEC_MEM_OUTPUT));
    return read_reference(arguments, i, memory, 0, memory->size, context);
}

static struct outcome read_partial(struct arguments *arguments, unsigned int i, uint32_t type,
                                   const TEEC_RegisteredMemoryReference *memref,
                                   const struct context *context)
{
    const TEEC_SharedMemory *memory = memref->parent;
    uint32_t direction = type & (INPUT | OUTPUT);

    if (!memory || (memory->flags & direction) != direction)
        return bad_parameters();
    if (memref->offset > memory->size || memref->size > memory->size - memref->offset)
        return bad_parameters();
    arguments->parameters.at[i].attr = MEMREF | direction;
    return read_reference(arguments, i, memory, memref->offset, memref->size, context);
}

static struct outcome read_one(struct arguments *arguments, unsigned int i, uint32_t type,
                               const TEEC_Parameter *given, const struct context *context)
{
    switch (type) {
    case TEEC_NONE:
        return went_well();
    case TEEC_VALUE_INPUT:
    case TEEC_VALUE_OUTPUT:
    case TEEC_VALUE_INOUT:
        read_value(&arguments->parameters.at[i], type, &given->value);
        return went_well();
    case TEEC_MEMREF_TEMP_INPUT:
    case TEEC_MEMREF_TEMP_OUTPUT:
    case TEEC_MEMREF_TEMP_INOUT:
        return read_temporary(arguments, i, type, &given->tmpref, context);
    case TEEC_MEMREF_WHOLE:
        return read_whole(arguments, i, &given->memref, context);
    case TEEC_MEMREF_PARTIAL_INPUT:
    case TEEC_MEMREF_PARTIAL_OUTPUT:
    case TEEC_MEMREF_PARTIAL_INOUT:
        return read_partial(arguments, i, type, &given->memref, context);
    default:
        return bad_parameters();
    }
}

/* Nothing is acquired yet. */
static struct outcome read_all(struct arguments *arguments, const TEEC_Operation *operation,
                               const struct context *context)
{
    struct outcome outcome = went_well();

    memset(arguments, 0, sizeof(*arguments));
    if (!operation)
        return outcome;
    for (unsigned int i = 0; i < TEEC_CONFIG_PAYLOAD_REF_COUNT && !failed(outcome); i++) {
        uint32_t type = TEEC_PARAM_TYPE_GET(operation->paramTypes, i);

        outcome = read_one(arguments, i, type, &operation->params[i], context);
        if (type != TEEC_NONE)
            arguments->parameters.count = i + 1;
    }
    return outcome;
}

struct outcome arguments_prepare(struct arguments *arguments, const TEEC_Operation *operation,
                                 struct context *context)
{
    struct outcome outcome = read_all(arguments, operation, context);

    return failed(outcome)
               ? outcome
               : places_fill(&arguments->places, &arguments->parameters, context);
}

/* How much of an output to copy back when the TEE says that it is *size* bytes. */
static size_t amount(const struct place *place, uint64_t size, bool in_place)
{
    if (in_place)
        return place->size;
    if (size <= place->size)
        return (size_t)size;
    return place->temporary ? place->size : 0;
}

static void return_size(TEEC_Parameter *given, uint32_t type, size_t size)
{
    if (type < TEEC_MEMREF_WHOLE)
        given->tmpref.size = size;
    else
        given->memref.size = size;
}

void arguments_return(const struct arguments *arguments, TEEC_Operation *operation,
                      struct context *context)
{
    for (unsigned int i = 0; i < arguments->parameters.count; i++) {
        const struct parameter *parameter = &arguments->parameters.at[i];
        const struct place *place = &arguments->places.at[i];
        TEEC_Parameter *given = &operation->params[i];

        if (!(parameter->attr & OUTPUT))
            continue;
        if (!(parameter->attr & MEMREF)) {
            given->value.a = (uint32_t)parameter->a;
            given->value.b = (uint32_t)parameter->b;
            continue;
        }
        place_copy_out(place, amount(place, parameter->b, context->reg_mem), context);
        return_size(given, TEEC_PARAM_TYPE_GET(operation->paramTypes, i),
                    (size_t)parameter->b);
    }
}

void arguments_release(struct arguments *arguments, struct context *context)
{
    places_release(&arguments->places, context);
}
