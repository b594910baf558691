/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors: see descriptors.h. */
#include "descriptors.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint8_t *noted; /* one bit for each number */
static size_t bytes;

void descriptors_lock(void)
{
    pthread_mutex_lock(&lock);
}

void descriptors_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

static void grow(size_t least)
{
    size_t more = bytes ? bytes : 64;
    uint8_t *grown;

    while (more < least)
        more *= 2;
    grown = realloc(noted, more);
    if (!grown)
        return;
    memset(grown + bytes, 0, more - bytes);
    noted = grown;
    bytes = more;
}

void descriptor_note(int fd)
{
    size_t at = (size_t)fd / 8;

    if (at >= bytes)
        grow(at + 1);
    if (at < bytes) /* without memory: it is as good as others, but a child will keep it */
        noted[at] |= (uint8_t)(1u << fd % 8);
}

void descriptor_close(int fd)
{
    if (fd < 0)
        return;
    pthread_mutex_lock(&lock);
    if ((size_t)fd / 8 < bytes)
        noted[fd / 8] &= (uint8_t)~(1u << fd % 8);
    close(fd);
    pthread_mutex_unlock(&lock);
}

/* All that last longer than a moment are sockets of a kind that hardly anybody else has. */
static bool may_be_ours(int fd)
{
    socklen_t size = sizeof(int);
    int type = 0;

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

void descriptors_let_go(bool late)
{
    pthread_mutex_init(&lock, NULL);
    for (int fd = 0; (size_t)fd / 8 < bytes; fd++)
        if (noted[fd / 8] & 1u << fd % 8 && (!late || may_be_ours(fd)))
            close(fd);
    if (noted)
        memset(noted, 0, bytes);
}
