/* Two cards for the virtual reader vpcd, which answer every command with 90 00.
 *
 *   card PORT
 *
 * The reader has two slots, and looks for the second card at the port after the first one's.
 * There has to be one: when it cannot connect, vpcd 3.3 goes on with a socket that it has
 * closed, and takes pcscd with it.  A message is a length of two bytes, big end first, and a
 * body; a body of one byte is no command for the card but for its contacts. */
#include "measure.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOTS = 2, ANSWER_TO_RESET = 4 };

static int listen_at(long port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1))
        die("listen");
    return fd;
}

/* vpcd sends the length and the body by themselves, and the kernel holds back the body until
 * the length is acknowledged: at once, or else each command takes 40 ms. */
static void acknowledge(int fd)
{
    int now = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &now, sizeof(now));
}

static bool received(int fd, void *data, size_t size)
{
    return recv(fd, data, size, MSG_WAITALL) == (ssize_t)size;
}

static bool sent(int fd, const void *data, size_t size)
{
    return send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool answer(int fd, const uint8_t *body, size_t size)
{
    static const uint8_t contacts[] = { 0, 5, 0x3b, 0x80, 0x80, 0x01, 0x01 };
    static const uint8_t success[] = { 0, 2, 0x90, 0x00 };
    if (size > 1)
        return sent(fd, success, sizeof(success));
    if (body[0] == ANSWER_TO_RESET)
        return sent(fd, contacts, sizeof(contacts));
    return true; /* power on, off, reset: no answer is expected */
}

static void serve(int fd)
{
    uint8_t length[2], body[UINT16_MAX];
    while (received(fd, length, sizeof(length))) {
        size_t size = (size_t)(length[0] << 8 | length[1]);
        acknowledge(fd);
        if (!size || !received(fd, body, size) || !answer(fd, body, size))
            break;
    }
}

static void *be_a_card(void *door)
{
    int fd;
    while ((fd = accept4(*(int *)door, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        serve(fd);
        close(fd);
    }
    die("accept4");
    return NULL;
}

int main(int argc, char **argv)
{
    int doors[SLOTS];
    pthread_t threads[SLOTS];
    if (argc != 2)
        return 2;
    for (int i = 0; i < SLOTS; i++)
        doors[i] = listen_at(number(argv[1]) + i);
    for (int i = 0; i < SLOTS; i++)
        if (pthread_create(&threads[i], NULL, be_a_card, &doors[i]))
            die("pthread_create");
    fprintf(stderr, "listening\n");
    pthread_join(threads[0], NULL);
    return 0;
}
