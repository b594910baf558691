/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets: see packet.h. */
#define _GNU_SOURCE
#include "packet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "descriptors.h"

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

/* Exactly one descriptor: CMSG_SPACE would have room for a second one on 64-bit machines. */
#define ONE_FD CMSG_LEN(sizeof(int))

static int make_socket(void)
{
    int fd;

    descriptors_lock();
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        descriptor_note(fd);
    descriptors_unlock();
    return fd;
}

int packet_connect(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int connected;
    int fd;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    fd = make_socket();
    if (fd < 0)
        return -errno;
    do
        connected = connect(fd, (struct sockaddr *)&address, sizeof(address));
    while (connected < 0 && errno == EINTR);
    if (connected < 0) {
        connected = -errno;
        descriptor_close(fd);
        return connected;
    }
    return fd;
}

static ssize_t send_with(int socket, const void *bytes, size_t size, int fd)
{
    struct iovec body = { .iov_base = (void *)bytes, .iov_len = size };
    union control control = { .header = { .cmsg_len = ONE_FD,
                                          .cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS } };
    struct msghdr message = { .msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = ONE_FD };

    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* Not send() and recv(): a program may have functions of these names, and would be called. */
bool packet_send(int socket, const void *bytes, size_t size, int fd)
{
    ssize_t sent;

    do
        sent = fd < 0 ? sendto(socket, bytes, size, MSG_NOSIGNAL, NULL, 0)
                      : send_with(socket, bytes, size, fd);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 || errno == EPIPE || errno == ECONNRESET;
}

static int received_fd(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd;

    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != ONE_FD)
        return -1;
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}

/* Under descriptors_lock: what is there, with the descriptor, which is there from now on. */
static ssize_t take(int socket, struct packet *packet)
{
    struct iovec body = { .iov_base = packet->bytes, .iov_len = sizeof(packet->bytes) };
    union control control;
    struct msghdr message = { .msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = ONE_FD };
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    packet->fd = received < 0 ? -1 : received_fd(&message);
    if (packet->fd >= 0)
        descriptor_note(packet->fd);
    return received;
}

/* By a signal, or by a reset, which is told once, before what the peer had said. */
static bool interrupted(ssize_t received)
{
    return received < 0 && (errno == EINTR || errno == ECONNRESET);
}

static bool arrived(struct packet *packet, ssize_t received)
{
    if (received <= 0) {
        packet_drop_fd(packet);
        return false;
    }
    packet->size = (size_t)received;
    return true;
}

bool packet_receive(int socket, struct packet *packet)
{
    struct pollfd news = { .fd = socket, .events = POLLIN };
    ssize_t received;

    do {
        poll(&news, 1, -1); /* whether there is something, the next one tells */
        descriptors_lock();
        received = take(socket, packet);
        descriptors_unlock();
    } while (interrupted(received) || (received < 0 && errno == EAGAIN));
    return arrived(packet, received);
}

bool packet_receive_bare(int socket, struct packet *packet)
{
    ssize_t received;

    packet->fd = -1;
    do
        received = recvfrom(socket, packet->bytes, sizeof(packet->bytes), 0, NULL, NULL);
    while (interrupted(received));
    return arrived(packet, received);
}

int packet_take_fd(struct packet *packet)
{
    int fd = packet->fd;

    packet->fd = -1;
    return fd;
}

void packet_drop_fd(struct packet *packet)
{
    descriptor_close(packet_take_fd(packet));
}
