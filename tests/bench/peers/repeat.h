/* How every program here measures: one call, made again and again. */
#pragma once

#include "measure.h"

enum { WARM_UP = 100 };

/* Like die(), for libraries that tell in their own ways what went wrong. */
static inline _Noreturn void give_up(const char *what, long code)
{
    fprintf(stderr, "%s (%#lx)\n", what, (unsigned long)code);
    exit(1);
}

static inline void repeat(const char *calls, void (*call)(void))
{
    long count = number(calls);
    int64_t *latencies = room_for((size_t)count);
    for (int i = 0; i < WARM_UP; i++)
        call();
    int64_t began = now_ns();
    for (long i = 0; i < count; i++) {
        int64_t start = now_ns();
        call();
        latencies[i] = now_ns() - start;
    }
    tell(now_ns() - began, latencies, (size_t)count);
}
