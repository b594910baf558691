/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that teed made and the TEE knows, mapped into this process. */
#ifndef LIBTEEC_MAPPING_H
#define LIBTEEC_MAPPING_H

#include "requests.h"

struct mapping {
    uint32_t number; /* teed's, 0 for none */
    uint8_t *at;
    size_t size;
};

/*
 * At least *size* bytes, all zero.  Whatever teed has against it is OUT_OF_MEMORY, as it is
 * with the stock library.
 */
struct outcome mapping_make(struct connection *connection, size_t size,
                            struct mapping *mapping);

/* Give it back; nothing happens where there is none. */
void mapping_undo(struct connection *connection, struct mapping *mapping);

#endif
