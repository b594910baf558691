/* SPDX-License-Identifier: BSD-2-Clause */
/* A command over a session's channel: one send, one receive. */
#ifndef LIBTEEC_CHANNEL_H
#define LIBTEEC_CHANNEL_H

#include "session.h"

/* In turn: run a command.  *answer* is the TEE's, when it got one. */
struct outcome channel_invoke(struct call *call, uint32_t command,
                              struct parameters *parameters, struct outcome *answer);

#endif
