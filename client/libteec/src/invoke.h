/* SPDX-License-Identifier: BSD-2-Clause */
/* The two operations from beginning to end: opening a session, and invoking a command. */
#ifndef LIBTEEC_INVOKE_H
#define LIBTEEC_INVOKE_H

#include "session.h"

struct outcome operation_open(const TEEC_Context *theirs, TEEC_Session *session,
                              const struct opening *opening, TEEC_Operation *operation);

struct outcome operation_invoke(const TEEC_Session *theirs, uint32_t command,
                                TEEC_Operation *operation);

#endif
