/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs of the benchmark share.  All print nanoseconds, one measurement a line. */
#ifndef BENCH_H
#define BENCH_H

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "../../libteec/programs/check.h"

/* An application of which one instance serves all sessions, and stays when the last ends. */
static const TEEC_UUID KEPT = {
    0xc40f0c94, 0x1a83, 0x432c, { 0xb7, 0xf9, 0x24, 0xa5, 0x3a, 0x99, 0xae, 0x35 }
};

/* One of OP-TEE's own test suite, for cryptography: 378 kB, and an instance a session. */
static const TEEC_UUID BIG_ONE = {
    0xcb3e5ba0, 0xadf1, 0x11e0, { 0x99, 0x8b, 0x00, 0x02, 0xa5, 0xd5, 0xc5, 0x1b }
};

static inline uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline void pause_ms(unsigned int milliseconds)
{
    struct timespec time = { milliseconds / 1000, (long)(milliseconds % 1000) * 1000000 };

    nanosleep(&time, NULL);
}

static inline void open_session(TEEC_Context *context, TEEC_Session *session,
                                const TEEC_UUID *application)
{
    uint32_t origin;

    use_names();
    (void)KEPT, (void)BIG_ONE;
    CHECK(TEEC_OpenSession(context, session, application, TEEC_LOGIN_PUBLIC, NULL, NULL,
                           &origin) == TEEC_SUCCESS);
}

/* The call that does nothing. */
static inline void call_nothing(TEEC_Session *session)
{
    uint32_t origin;

    CHECK(TEEC_InvokeCommand(session, NOP, NULL, &origin) == TEEC_SUCCESS);
}

#endif
