/* Data carried from one process to another and answered, without teed.
 *
 *   carry socket|memfd BYTES TIMES READS
 *
 * Over a stream socket into the other's own buffer, or copied into a memfd that both have
 * mapped, with a message that says so.  READS is 1 when the other reads every byte then. */
#include "floor.h"
#include "measure.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static bool over_socket, reads;
static size_t size;
static char *place; /* where the other has the data: its own, or the memory of both */

static char *map_memory(void)
{
    int fd = memfd_create("bench", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)size))
        die("memfd");
    char *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (memory == MAP_FAILED)
        die("mmap");
    return memory;
}

/* Every byte, eight at a time, so that it costs what reading memory costs. */
static uint64_t read_all(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i + 8 <= size; i += 8)
        sum += *(const uint64_t *)(const void *)(place + i);
    return sum;
}

/* One message taken in; false when the other has gone. */
static bool take(int fd)
{
    char request[4096];
    size_t got = 0;
    if (!over_socket)
        return recv(fd, request, sizeof(request), 0) == REQUEST;
    while (got < size) {
        ssize_t more = read(fd, place + got, size - got);
        if (more <= 0)
            return false;
        got += (size_t)more;
    }
    return true;
}

static void serve(int fd)
{
    char reply[REPLY] = { 0 };
    while (take(fd)) {
        uint64_t sum = reads ? read_all() : 0;
        memcpy(reply, &sum, sizeof(sum));
        if (send(fd, reply, sizeof(reply), MSG_NOSIGNAL) != REPLY)
            die("send");
    }
    exit(0);
}

static void carry(int fd, const char *data)
{
    char request[REQUEST] = { 0 }, reply[REPLY];
    if (over_socket) {
        for (size_t sent = 0; sent < size;) {
            ssize_t more = send(fd, data + sent, size - sent, MSG_NOSIGNAL);
            if (more < 0)
                die("send");
            sent += (size_t)more;
        }
    } else {
        memcpy(place, data, size);
        if (send(fd, request, sizeof(request), MSG_NOSIGNAL) != REQUEST)
            die("send");
    }
    if (recv(fd, reply, sizeof(reply), MSG_WAITALL) != REPLY)
        die("recv");
}

static void connect_both(int *ends)
{
    int much = 4 << 20; /* the kernel gives what it allows */
    if (socketpair(AF_UNIX, over_socket ? SOCK_STREAM : SOCK_SEQPACKET, 0, ends))
        die("socketpair");
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &much, sizeof(much));
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    over_socket = !strcmp(argv[1], "socket");
    size = (size_t)number(argv[2]);
    size_t times = (size_t)number(argv[3]);
    reads = number(argv[4]);
    int ends[2];
    int64_t *latencies = room_for(times);
    char *data = malloc(size);
    place = over_socket ? malloc(size) : map_memory();
    if (!data || !place)
        die("malloc");
    connect_both(ends);
    pid_t other = fork();
    if (other < 0)
        die("fork");
    if (other == 0) {
        close(ends[0]);
        serve(ends[1]);
    }
    close(ends[1]);
    for (int i = 0; i < 10; i++) {
        memset(data, i, size);
        carry(ends[0], data);
    }
    int64_t begin = now_ns();
    for (size_t i = 0; i < times; i++) {
        data[i % size]++;
        int64_t start = now_ns();
        carry(ends[0], data);
        latencies[i] = now_ns() - start;
    }
    tell(now_ns() - begin, latencies, times);
    close(ends[0]);
    waitpid(other, NULL, 0);
    return 0;
}
