/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach WARM COUNT: joins a session that another client shares, and leaves it, COUNT times.
 * Two numbers a line, as `timed cold` has for opening and closing one.
 *
 * The client API knows no sharing, so this speaks the protocol (docs/protocol.md) itself, with
 * requests whose octets are known beforehand.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "bench.h"

enum { ROOM = 65536, FORM_SIZE = 8 };

static const uint8_t hello[] = "\x94\x00\x01\xa5hello\x92\x91\x01\xa5" "bench";
static const uint8_t open_shared[] =
    "\x94\x00\x01\xa4open\x95\xc4\x10"
    "\x0f\x5e\x0c\xc6\x90\x3f\x4a\x0d\xa4\xef\xc5\x87\x51\x59\x1d\x94" /* teed_test */
    "\x00\xc0\x90\xa5" "bench";
static const uint8_t close_begin[] = "\x94\x00\x01\xa5" "close\x91";
/* A success, its origin the application, no parameters; the session's number follows. */
static const uint8_t opened[FORM_SIZE] = { 0x94, 0x01, 0x01, 0xc0, 0x94, 0x00, 0x04, 0x90 };
static const uint8_t good[] = { 0x94, 0x01, 0x01, 0xc0 };

static uint8_t answer[ROOM];

/* Receive one message, and the descriptor that may come with it. */
static size_t hear(int connection, int *descriptor)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec body = { answer, sizeof(answer) };
    struct msghdr message = { .msg_iov = &body, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    ssize_t size = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);

    CHECK(size > 0);
    if (CMSG_FIRSTHDR(&message))
        memcpy(descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    return (size_t)size;
}

static size_t ask(int connection, const uint8_t *request, size_t size, int *descriptor)
{
    CHECK(send(connection, request, size, MSG_NOSIGNAL) == (ssize_t)size);
    return hear(connection, descriptor);
}

static int connect_to_teed(void)
{
    struct sockaddr_un where = { .sun_family = AF_UNIX };
    int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), none = -1;
    const char *path = getenv("TEED_SOCKET");

    strncpy(where.sun_path, path ? path : "/run/teed/teed.sock", sizeof(where.sun_path) - 1);
    CHECK(connect(connection, (struct sockaddr *)&where, sizeof(where)) == 0);
    CHECK(ask(connection, hello, sizeof(hello) - 1, &none) > sizeof(good));
    CHECK(memcmp(answer, good, sizeof(good)) == 0);
    return connection;
}

/* The channel; the octets of the session's number stay behind those of the answer's form. */
static int join(int connection, size_t *number_size)
{
    int channel = -1;

    *number_size = ask(connection, open_shared, sizeof(open_shared) - 1, &channel) - FORM_SIZE;
    CHECK(memcmp(answer, opened, FORM_SIZE) == 0 && channel >= 0);
    return channel;
}

static void leave(int connection, int channel, size_t number_size)
{
    uint8_t request[sizeof(close_begin) + 9];
    size_t size = sizeof(close_begin) - 1;
    int none = -1;

    CHECK(number_size <= 9);
    memcpy(request, close_begin, size);
    memcpy(request + size, answer + FORM_SIZE, number_size);
    ask(connection, request, size + number_size, &none);
    CHECK(memcmp(answer, good, sizeof(good)) == 0);
    close(channel);
}

static void lap(int connection, uint64_t took[2])
{
    size_t number_size;
    uint64_t start = now(), joined;
    int channel = join(connection, &number_size);

    joined = now();
    leave(connection, channel, number_size);
    took[0] = joined - start;
    took[1] = now() - joined;
}

int main(int count, char **arguments)
{
    CHECK(count == 3);
    size_t warm = strtoul(arguments[1], NULL, 10), laps = strtoul(arguments[2], NULL, 10);
    uint64_t(*took)[2] = calloc(warm + laps, sizeof(*took));
    int owner = connect_to_teed(), guest = connect_to_teed();
    size_t number_size;

    use_names();
    join(owner, &number_size);
    for (size_t i = 0; i < warm + laps; i++)
        lap(guest, took[i]);
    for (size_t i = warm; i < warm + laps; i++)
        printf("%" PRIu64 " %" PRIu64 "\n", took[i][0], took[i][1]);
    free(took);
    return 0;
}
