/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of the application's that the TEE sees in shared memory: temporary references, and
 * registered memory that has a shadow.
 *
 * The stock library lets the TEE work in the application's own pages, and what two references
 * to the same bytes have in common there, they have here:
 *
 * - Temporary references of one operation that overlap stand in one stretch, as they do in
 *   the application.  (Where the TEE cannot register memory, the stock library copies each.)
 * - What a call has as an output in a shadow is newer there than in the application until the
 *   call is over and has copied it out.  Another call does not copy the application's bytes
 *   over it; so all outputs in shadows, of calls under way, are listed in the context.
 */
#ifndef LIBTEEC_PLACES_H
#define LIBTEEC_PLACES_H

#include "context.h"

struct place {
    uint8_t *shared;      /* where the TEE sees them, NULL for no such parameter */
    uint8_t *application; /* where they belong */
    size_t size;
    bool temporary;
    bool output;        /* in a shadow */
    uintptr_t from, to; /* of a temporary: the application's stretch that it stands in, */
    size_t start;       /* and where that begins in the call's own room */
    struct place *next; /* of the outputs */
};

/* Those of a call.  They live on the stack of the thread that makes it. */
struct places {
    struct place at[TEEC_CONFIG_PAYLOAD_REF_COUNT];
    struct block block; /* for the temporaries */
    struct mapping own; /* of this call alone, when the arena has no room */
};

/* *size* bytes of the application's that get a place in the call's room. */
struct outcome place_temporary(struct place *place, void *application, size_t size);

/* Find room for the temporaries, tell it in *parameters*, and copy in. */
struct outcome places_fill(struct places *places, struct parameters *parameters,
                           struct context *context);

/* Copy the first *size* bytes back. */
void place_copy_out(const struct place *place, size_t size, struct context *context);

void places_release(struct places *places, struct context *context);

#endif
