/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets over a SOCK_SEQPACKET socket, and the descriptor that comes with one.
 *
 * No descriptor of this library survives exec, and no write to it raises SIGPIPE.  Those that
 * are made here are noted (descriptors.h).
 */
#ifndef LIBTEEC_PACKET_H
#define LIBTEEC_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What this library needs of an answer stands in its first 200 bytes; what does not fit
 * here, such as the end of a long text, is cut off.
 */
#define PACKET_ROOM 512

struct packet {
    size_t size;
    int fd; /* the receiver's, for descriptor_close(), or -1 */
    uint8_t bytes[PACKET_ROOM];
};

/* A connected socket, or -errno. */
int packet_connect(const char *path);

/*
 * Send all of it as one packet, with descriptor *fd* unless that is -1.  A peer that is gone
 * is no failure: its last words may still be there for packet_receive(), which tells.
 */
bool packet_send(int socket, const void *bytes, size_t size, int fd);

/* Wait for the next packet, and the descriptor; false when the peer is gone. */
bool packet_receive(int socket, struct packet *packet);

/* The same, for where none can come: Linux drops one that does.  It is one system call. */
bool packet_receive_bare(int socket, struct packet *packet);

/* Hand the descriptor over to the caller, or -1. */
int packet_take_fd(struct packet *packet);

/* Close the descriptor that nobody took. */
void packet_drop_fd(struct packet *packet);

#endif
