/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TEEC_Operation, to and from the parameters of a message.
 *
 * Memory that is not shared with the TEE, temporary references and the application's own
 * registered memory, stands in shared memory during the call.  Where the TEE can register
 * memory, the stock library would let it work in the application's very pages, and what is
 * seen there afterwards is the same here: all of a reference is copied in, outputs too, and
 * all of an output is copied back, whatever the call's result.  Where it cannot, the stock
 * library copies as well, and its rules are kept.
 */
#ifndef LIBTEEC_OPERATION_H
#define LIBTEEC_OPERATION_H

#include "places.h"

struct arguments {
    struct parameters parameters;
    struct places places;
};

/*
 * Check and translate the operation, which may be NULL; place temporary references, and copy
 * in.  After success, arguments_release().
 */
struct outcome arguments_prepare(struct arguments *arguments, const TEEC_Operation *operation,
                                 struct context *context);

/* The TEE has answered, good or bad: copy out, and write back sizes and values. */
void arguments_return(const struct arguments *arguments, TEEC_Operation *operation,
                      struct context *context);

void arguments_release(struct arguments *arguments, struct context *context);

#endif
