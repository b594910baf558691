/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * floor WARM COUNT: what it takes to hand a request to another process and have its answer,
 * with nothing done for it: two processes, a SEQPACKET socket, as many bytes as an empty call.
 * One number a line, and a 0 for the second that the other programs have.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../native/floor.h"
#include "bench.h"

static void answer_all(int socket)
{
    uint8_t request[REQUEST], reply[REPLY] = { 0 };

    while (recv(socket, request, sizeof(request), 0) == REQUEST)
        CHECK(send(socket, reply, sizeof(reply), MSG_NOSIGNAL) == REPLY);
}

static uint64_t exchange(int socket)
{
    uint8_t request[REQUEST] = { 0 }, reply[REPLY];
    uint64_t start = now();

    CHECK(send(socket, request, sizeof(request), MSG_NOSIGNAL) == REQUEST);
    CHECK(recv(socket, reply, sizeof(reply), 0) == REPLY);
    return now() - start;
}

int main(int count, char **arguments)
{
    CHECK(count == 3);
    size_t warm = strtoul(arguments[1], NULL, 10), laps = strtoul(arguments[2], NULL, 10);
    int ends[2], status;

    use_names();
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
    if (fork() == 0) {
        close(ends[0]);
        answer_all(ends[1]);
        return 0;
    }
    close(ends[1]);
    for (size_t i = 0; i < warm; i++)
        exchange(ends[0]);
    for (size_t i = 0; i < laps; i++)
        printf("%" PRIu64 " 0\n", exchange(ends[0]));
    close(ends[0]);
    CHECK(wait(&status) > 0 && status == 0);
    return 0;
}
