/* SPDX-License-Identifier: BSD-2-Clause */
/* Places: see places.h. */
#include "places.h"

#include <string.h>

struct outcome place_temporary(struct place *place, void *application, size_t size)
{
    uintptr_t from = (uintptr_t)application;

    if (size > UINTPTR_MAX - from)
        return no_memory(); /* nobody has that much */
    *place = (struct place){ .application = application,
                             .size = size,
                             .temporary = true,
                             .from = from,
                             .to = from + size };
    return went_well();
}

/* Widen both to the stretch that they cover together; false when that is nothing new. */
static bool join(struct place *one, struct place *other)
{
    if (one->from >= other->to || other->from >= one->to)
        return false;
    if (one->from == other->from && one->to == other->to)
        return false;
    one->from = other->from = one->from < other->from ? one->from : other->from;
    one->to = other->to = one->to > other->to ? one->to : other->to;
    return true;
}

/* Until nothing changes: a third one may connect two.  Other places are empty stretches. */
static void join_all(struct place places[TEEC_CONFIG_PAYLOAD_REF_COUNT])
{
    bool joined;

    do {
        joined = false;
        for (unsigned int i = 1; i < TEEC_CONFIG_PAYLOAD_REF_COUNT; i++)
            for (unsigned int j = 0; j < i; j++)
                joined |= join(&places[i], &places[j]);
    } while (joined);
}

/* Whoever stands in the same stretch and was laid out before *place*; itself if nobody. */
static const struct place *first_of_stretch(const struct place *places,
                                            const struct place *place)
{
    const struct place *first = places;

    while (first != place &&
           !(first->temporary && first->from == place->from && first->to == place->to))
        first++;
    return first;
}

/* Say where each stretch begins; how much they take together, SIZE_MAX for too much. */
static size_t lay_out(struct places *places, bool in_place)
{
    size_t room = 0;

    if (in_place)
        join_all(places->at);
    for (unsigned int i = 0; i < TEEC_CONFIG_PAYLOAD_REF_COUNT; i++) {
        struct place *place = &places->at[i];
        const struct place *first = in_place ? first_of_stretch(places->at, place) : place;
        size_t size = arena_room(place->to - place->from);

        if (!place->temporary)
            continue;
        place->start = first == place ? room : first->start;
        if (first == place)
            room = size > SIZE_MAX - room ? SIZE_MAX : room + size;
    }
    return room;
}

/* Somewhere for the temporary references: its number at teed, and where it begins. */
static struct outcome find_room(struct places *places, size_t size, struct context *context,
                                struct mapping *room)
{
    struct arena *arena = &context->arena;
    struct outcome outcome = arena_take(arena, &context->connection, &places->block, size);

    if (!failed(outcome) && places->block.size) {
        *room = arena->memory;
        return outcome;
    }
    outcome = mapping_make(&context->connection, size, &places->own);
    *room = places->own;
    return outcome;
}

static struct outcome place_temporaries(struct places *places, struct parameters *parameters,
                                        struct context *context)
{
    size_t size = lay_out(places, context->reg_mem);
    struct outcome outcome = went_well();
    struct mapping room;

    if (size)
        outcome = find_room(places, size, context, &room);
    if (!size || failed(outcome))
        return outcome;
    for (unsigned int i = 0; i < parameters->count; i++) {
        struct place *place = &places->at[i];
        size_t in_stretch = (uintptr_t)place->application - place->from;

        if (!place->temporary)
            continue;
        parameters->at[i].a = places->block.start + place->start + in_stretch;
        parameters->at[i].c = room.number;
        place->shared = room.at + parameters->at[i].a;
    }
    return outcome;
}

/* Under `copying`: copy in what is not the output of a call under way, and list the place. */
static void copy_into_shadow(struct place *place, struct context *context)
{
    uint8_t *at = place->shared;
    uint8_t *end = at + place->size;

    while (at < end) {
        uint8_t *until = end;
        struct place *output = context->outputs;

        while (output && !(output->shared <= at && at < output->shared + output->size)) {
            if (at < output->shared && output->shared < until)
                until = output->shared;
            output = output->next;
        }
        if (output) {
            at = output->shared + output->size;
            continue;
        }
        memcpy(at, place->application + (at - place->shared), (size_t)(until - at));
        at = until;
    }
    if (place->output) {
        place->next = context->outputs;
        context->outputs = place;
    }
}

static void copy_in(struct place *place, struct context *context)
{
    if (!place->temporary) {
        pthread_mutex_lock(&context->copying);
        copy_into_shadow(place, context);
        pthread_mutex_unlock(&context->copying);
    } else if (place->size) {
        memcpy(place->shared, place->application, place->size);
    }
}

struct outcome places_fill(struct places *places, struct parameters *parameters,
                           struct context *context)
{
    struct outcome outcome = place_temporaries(places, parameters, context);

    for (unsigned int i = 0; i < parameters->count && !failed(outcome); i++)
        if (places->at[i].shared)
            copy_in(&places->at[i], context);
    return outcome;
}

void place_copy_out(const struct place *place, size_t size, struct context *context)
{
    if (!place->shared || !size)
        return;
    if (!place->temporary)
        pthread_mutex_lock(&context->copying);
    memcpy(place->application, place->shared, size);
    if (!place->temporary)
        pthread_mutex_unlock(&context->copying);
}

static void forget_output(const struct place *place, struct context *context)
{
    struct place **link = &context->outputs;

    pthread_mutex_lock(&context->copying);
    while (*link != place)
        link = &(*link)->next;
    *link = place->next;
    pthread_mutex_unlock(&context->copying);
}

void places_release(struct places *places, struct context *context)
{
    for (unsigned int i = 0; i < TEEC_CONFIG_PAYLOAD_REF_COUNT; i++)
        if (places->at[i].output)
            forget_output(&places->at[i], context);
    arena_give_back(&context->arena, &places->block);
    mapping_undo(&context->connection, &places->own);
}
