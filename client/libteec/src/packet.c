/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets: see packet.h. */
#define _GNU_SOURCE
#include "packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

/* Exactly one descriptor: CMSG_SPACE would have room for a second one on 64-bit machines. */
#define ONE_FD CMSG_LEN(sizeof(int))

int packet_connect(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int connected;
    int fd;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    do
        connected = connect(fd, (struct sockaddr *)&address, sizeof(address));
    while (connected < 0 && errno == EINTR);
    if (connected < 0) {
        connected = -errno;
        close(fd);
        return connected;
    }
    return fd;
}

bool packet_send(int socket, const void *bytes, size_t size, int fd)
{
    struct iovec body = { .iov_base = (void *)bytes, .iov_len = size };
    struct msghdr message = { .msg_iov = &body, .msg_iovlen = 1 };
    union control control = { .header = { .cmsg_len = ONE_FD,
                                          .cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS } };
    ssize_t sent;

    if (fd >= 0) {
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
        message.msg_control = &control;
        message.msg_controllen = ONE_FD;
    }
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
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

bool packet_receive(int socket, struct packet *packet)
{
    struct iovec body = { .iov_base = packet->bytes, .iov_len = sizeof(packet->bytes) };
    union control control;
    struct msghdr message = { .msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = ONE_FD };
    ssize_t received;

    do /* a reset is told once, before what the peer had said */
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && (errno == EINTR || errno == ECONNRESET));
    packet->fd = -1;
    if (received <= 0)
        return false;
    packet->size = (size_t)received;
    packet->fd = received_fd(&message);
    return true;
}

int packet_take_fd(struct packet *packet)
{
    int fd = packet->fd;

    packet->fd = -1;
    return fd;
}

void packet_drop_fd(struct packet *packet)
{
    int fd = packet_take_fd(packet);

    if (fd >= 0)
        close(fd);
}
