/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host programs share: a session with one application, and the end when a call fails. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tee_client_api.h>

static TEEC_Context context;
static TEEC_Session session;

static inline void expect(const char *what, TEEC_Result expected, TEEC_Result result,
                          uint32_t origin)
{
    if (result == expected && (result == TEEC_SUCCESS || origin == TEEC_ORIGIN_TRUSTED_APP))
        return;
    fprintf(stderr, "%s: result %08x, origin %u\n", what, result, origin);
    exit(1);
}

static inline void start(const TEEC_UUID *application)
{
    uint32_t origin = 0;
    TEEC_Result result = TEEC_InitializeContext(NULL, &context);

    expect("no context", TEEC_SUCCESS, result, TEEC_ORIGIN_API);
    result = TEEC_OpenSession(&context, &session, application, TEEC_LOGIN_PUBLIC, NULL, NULL,
                              &origin);
    expect("no session", TEEC_SUCCESS, result, origin);
}

static inline void finish(void)
{
    TEEC_CloseSession(&session);
    TEEC_FinalizeContext(&context);
}

#endif
