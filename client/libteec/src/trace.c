/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands behind the macros of teec_trace.h; other libraries of OP-TEE call it. */
#define _GNU_SOURCE
#define BINARY_PREFIX "TEEC"
#include <teec_trace.h>

#include <stdarg.h>
#include <unistd.h>

static const char *level_name(int level)
{
    static const char *const names[] = { "ERR", "INF", "DBG", "FLW" };

    return level >= TRACE_ERROR && level <= TRACE_FLOW ? names[level - 1] : "???";
}

/* One write to stdout, in the form that people's scripts know. */
void _dprintf(const char *function, int line, int level, const char *prefix,
              const char *format, ...)
{
    char text[256];
    int start = 0;
    va_list arguments;

    if (function)
        start = snprintf(text, sizeof(text), "%s [%d] %s:%s:%d: ", level_name(level),
                         gettid(), prefix, function, line);
    if (start < 0)
        return;
    if ((size_t)start < sizeof(text)) {
        va_start(arguments, format);
        vsnprintf(text + start, sizeof(text) - (size_t)start, format, arguments);
        va_end(arguments);
    }
    fputs(text, stdout);
}

void dump_buffer(const char *name, const uint8_t *buffer, size_t size)
{
    (void)name;
    (void)buffer;
    (void)size;
}
