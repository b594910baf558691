/* What every measuring program needs: the clock, the way to fail, the way to tell. */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static inline int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static inline void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static inline long number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value < 0) {
        fprintf(stderr, "%s is no number\n", text);
        exit(2);
    }
    return value;
}

/* Room for so many latencies, touched already: a page fault would be part of a call. */
static inline int64_t *room_for(size_t count)
{
    int64_t *room = mmap(NULL, count * sizeof(*room), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (room == MAP_FAILED)
        die("mmap");
    return room;
}

/* How long the round took, and each call: what the benchmark reads. */
static inline void tell(int64_t took, const int64_t *latencies, size_t count)
{
    if (fwrite(&took, sizeof(took), 1, stdout) != 1 ||
        fwrite(latencies, sizeof(*latencies), count, stdout) != count || fflush(stdout))
        die("stdout");
}
