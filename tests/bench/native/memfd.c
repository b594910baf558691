/* The least that shared memory costs: a sealed memfd made, mapped, unmapped and closed, by
 * the process itself and shared with nobody.
 *
 *   memfd BYTES TIMES TOUCHED      1 when every page is touched, 0 when none is */
#include "measure.h"

#include <fcntl.h>
#include <unistd.h>

static void make_and_drop(size_t size, int populate)
{
    int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        die("memfd");
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | populate, fd, 0);
    if (memory == MAP_FAILED)
        die("mmap");
    munmap(memory, size);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    size_t size = (size_t)number(argv[1]), times = (size_t)number(argv[2]);
    int populate = number(argv[3]) ? MAP_POPULATE : 0;
    int64_t *latencies = room_for(times);
    int64_t begin = now_ns();
    for (size_t i = 0; i < times; i++) {
        int64_t start = now_ns();
        make_and_drop(size, populate);
        latencies[i] = now_ns() - start;
    }
    tell(now_ns() - begin, latencies, times);
    return 0;
}
