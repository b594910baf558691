/* SPDX-License-Identifier: BSD-2-Clause */
/* The forms of teed's messages: requests go out, responses and goodbyes come in. */
#ifndef LIBTEEC_MESSAGE_H
#define LIBTEEC_MESSAGE_H

#include "outcome.h"
#include "wire.h"

/* The longest request is an opening with four parameters, some 200 bytes. */
#define REQUEST_ROOM 512

/* Begin a request in *space*; its `params` array of *count* fields is next. */
struct writer request_begin(uint8_t space[REQUEST_ROOM], uint32_t id, const char *method,
                            unsigned int count);

enum heard { HEARD_RESPONSE, HEARD_GOODBYE, HEARD_NONSENSE };

/*
 * Read what came in.  Of a response, the id, and in *outcome* success, with *reader* at the
 * result, or the refusal.  Of a goodbye, the reason for it in *outcome*.
 */
enum heard message_read(struct reader *reader, uint32_t *id, struct outcome *outcome);

#endif
