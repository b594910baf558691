/* Clients that come, say hello, open sessions perhaps, and are silent then.
 *
 *   crowd PATH CLIENTS SESSIONS
 *
 * The clients take turns to open the sessions.  Told is how long each took to open, or with
 * no sessions, how long each client took to come: connection, hello, and teed's answer.  They
 * stay until standard input ends.
 *
 * It speaks the protocol (docs/protocol.md) itself, with requests whose octets are known
 * beforehand: so many clients of the library would be much more than teed's part of them. */
#include "measure.h"

#include <ctype.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SECONDS = 120, ROOM = 65536 };

static const uint8_t hello[] = "\x94\x00\x01\xa5hello\x92\x91\x01\xa5" "crowd";
static const uint8_t open_session[] =
    "\x94\x00\x01\xa4open\x95\xc4\x10"
    "\x00\x00\x74\x65\x65\x64\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\xc0\x90\xc0";
static const uint8_t welcome[] = "\x94\x01\x01\xc0\x97\x01";
static const uint8_t opened[] = "\x94\x01\x01\xc0\x94\x00";

static struct sockaddr_un teed = { .sun_family = AF_UNIX };

static void take_all_descriptors(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files))
        die("getrlimit");
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files))
        die("setrlimit");
}

static void refused(const uint8_t *answer, size_t size)
{
    fputs("teed refused: ", stderr);
    for (size_t i = 0; i < size; i++)
        if (isprint(answer[i])) /* the words of it, without msgpack's own octets */
            fputc(answer[i], stderr);
    fputc('\n', stderr);
    exit(1);
}

/* The answer must begin as expected; a descriptor that comes along stays open, unused. */
static void hear(int connection, const uint8_t *expected, size_t size)
{
    static uint8_t answer[ROOM];
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec body = { answer, sizeof(answer) };
    struct msghdr message = { .msg_iov = &body, .msg_iovlen = 1, .msg_control = control,
                              .msg_controllen = sizeof(control) };
    ssize_t got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    if (got < 0)
        die("recvmsg");
    if (message.msg_flags & MSG_CTRUNC) {
        fprintf(stderr, "there are no descriptors left\n");
        exit(1);
    }
    if ((size_t)got < size || memcmp(answer, expected, size))
        refused(answer, (size_t)got);
}

static void ask(int connection, const uint8_t *request, size_t size)
{
    if (send(connection, request, size, MSG_NOSIGNAL) != (ssize_t)size)
        die("send");
}

static int come(void)
{
    int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (connection < 0)
        die("socket");
    if (connect(connection, (struct sockaddr *)&teed, sizeof(teed)))
        die("connect");
    ask(connection, hello, sizeof(hello) - 1);
    hear(connection, welcome, sizeof(welcome) - 1);
    return connection;
}

/* How long all of them took together. */
static int64_t bring(long clients, int *connections, int64_t *took)
{
    int64_t begin = now_ns();
    for (long i = 0; i < clients; i++) {
        int64_t start = now_ns();
        connections[i] = come();
        took[i] = now_ns() - start;
    }
    return now_ns() - begin;
}

static int64_t open_in_turn(long sessions, long clients, const int *connections, int64_t *took)
{
    int64_t begin = now_ns();
    for (long i = 0; i < sessions; i++) {
        int64_t start = now_ns();
        ask(connections[i % clients], open_session, sizeof(open_session) - 1);
        hear(connections[i % clients], opened, sizeof(opened) - 1);
        took[i] = now_ns() - start;
    }
    return now_ns() - begin;
}

static void stay(void)
{
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
}

int main(int argc, char **argv)
{
    if (argc != 4 || strlen(argv[1]) >= sizeof(teed.sun_path))
        return 2;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    alarm(SECONDS);
    take_all_descriptors();
    strcpy(teed.sun_path, argv[1]);
    long clients = number(argv[2]), sessions = number(argv[3]);
    if (clients < 1)
        return 2;
    int *connections = calloc((size_t)clients, sizeof(*connections));
    if (!connections)
        die("calloc");
    int64_t *took = room_for((size_t)(clients > sessions ? clients : sessions));
    int64_t all = bring(clients, connections, took);
    if (sessions)
        all = open_in_turn(sessions, clients, connections, took);
    tell(all, took, (size_t)(sessions ? sessions : clients));
    stay();
    return 0;
}
