/* The floor: a thread per connection that reads a request and sends a reply.
 *
 *   floor_server PATH
 *
 * No codec, no table, no TEE: what no server over a Unix socket of this kind does without. */
#include "floor.h"
#include "measure.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void *serve(void *data)
{
    int fd = (int)(intptr_t)data;
    char request[4096], reply[REPLY] = { 0 };
    while (recv(fd, request, sizeof(request), 0) == REQUEST)
        if (send(fd, reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply))
            break;
    close(fd);
    return NULL;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 128))
        die(path);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int listener = listen_at(argv[1]);
    fprintf(stderr, "listening\n");
    for (;;) {
        pthread_t thread;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            die("accept");
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd))
            die("pthread_create");
        pthread_detach(thread);
    }
}
