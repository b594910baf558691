/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace macros that OP-TEE's client library lends to the programs around it.  They say
 * who speaks with BINARY_PREFIX; DEBUGLEVEL (or DEBUGLEVEL_0 to _4) sets how much is said.
 */
#ifndef TEEC_TRACE_H
#define TEEC_TRACE_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef BINARY_PREFIX
#error "define BINARY_PREFIX before teec_trace.h"
#endif

#define TRACE_ERROR 1
#define TRACE_INFO 2
#define TRACE_DEBUG 3
#define TRACE_FLOW 4

#ifndef DEBUGLEVEL
#if defined(DEBUGLEVEL_0) || defined(DEBUGLEVEL_1)
#define DEBUGLEVEL TRACE_ERROR
#elif defined(DEBUGLEVEL_3)
#define DEBUGLEVEL TRACE_DEBUG
#elif defined(DEBUGLEVEL_4)
#define DEBUGLEVEL TRACE_FLOW
#else
#define DEBUGLEVEL TRACE_INFO
#endif
#endif

void _dprintf(const char *function, int line, int level, const char *prefix,
              const char *format, ...) __attribute__((__format__(__printf__, 5, 6)));

/* Does nothing; it is here for the programs that call it. */
void dump_buffer(const char *name, const uint8_t *buffer, size_t size);

#define TEEC_TRACE_(function, line, level, ...)                              \
    do {                                                                     \
        if ((level) <= DEBUGLEVEL)                                           \
            _dprintf((function), (line), (level), BINARY_PREFIX, __VA_ARGS__); \
    } while (0)

#define dprintf(level, ...) TEEC_TRACE_(__func__, __LINE__, level, __VA_ARGS__)
#define EMSG(format, ...) dprintf(TRACE_ERROR, format "\n", ##__VA_ARGS__)
#define IMSG(format, ...) dprintf(TRACE_INFO, format "\n", ##__VA_ARGS__)
#define DMSG(format, ...) dprintf(TRACE_DEBUG, format "\n", ##__VA_ARGS__)
#define FMSG(format, ...) dprintf(TRACE_FLOW, format "\n", ##__VA_ARGS__)
#define INMSG(format, ...) FMSG("> " format, ##__VA_ARGS__)
#define OUTMSG(format, ...) FMSG("< " format, ##__VA_ARGS__)
#define OUTRMSG(r)                                 \
    do {                                           \
        if (r)                                     \
            EMSG("Function returns with [%d]", r); \
        OUTMSG("r=[%d]", r);                       \
        return r;                                  \
    } while (0)

#define dprintf_raw(level, ...) TEEC_TRACE_(NULL, 0, level, __VA_ARGS__)
#define EMSG_RAW(...) dprintf_raw(TRACE_ERROR, __VA_ARGS__)
#define IMSG_RAW(...) dprintf_raw(TRACE_INFO, __VA_ARGS__)
#define DMSG_RAW(...) dprintf_raw(TRACE_DEBUG, __VA_ARGS__)
#define FMSG_RAW(...) dprintf_raw(TRACE_FLOW, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
