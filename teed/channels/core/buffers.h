/* The table of one client's buffers; whoever serves a call needs its owner's handle. */
#pragma once

#include <pthread.h>

#include "core.h"

struct teed_buffers {
    pthread_mutex_t lock;
    void *handle;
    bool null_allowed;
    size_t count, room;
    struct teed_buffer **list;
};
