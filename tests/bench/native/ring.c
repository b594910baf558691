/* One exchange between processes, through sockets and through slots in shared memory.
 *
 *     ring HOW CLIENTS CALLS CLIENTS_CPU SERVER_CPU
 *
 *   socket  a thread for each connection: the floor
 *   poll    the same, and each side looks for a while before it sleeps
 *   loop    one thread, all sockets in one epoll set
 *   ring    a thread for each slot, futexes
 *   spin    the same, and each side looks for a while before it sleeps
 *   bell    one thread, for each slot an eventfd in one epoll set; the client has a futex
 *   waitv   one thread, all slots in one futex_waitv, which takes 128
 *
 * A slot has room for one request and one answer: a channel has one request outstanding.
 * The server copies a request before it looks at it, as one must that does not trust the
 * client.  Written are the nanoseconds that all of it took, then those of each call. */
#include "floor.h"
#include "measure.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 127, WARM_UP = 300, SPIN_NS = 20000, SECONDS = 60 };

/* What one side writes and the other waits for. */
struct half {
    _Alignas(64) _Atomic uint32_t count;
    _Atomic uint32_t sleeper;
    uint8_t body[120];
};

struct slot {
    struct half request, answer;
};

struct link {
    int ours, theirs, bell;
    struct slot *slot;
    uint32_t taken;
};

static struct link links[MOST];
static int clients;
static bool spins, in_memory, has_bell;

static void must(bool well, const char *what)
{
    if (!well)
        die(what);
}

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    must(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
}

static void futex(_Atomic uint32_t *word, int operation, uint32_t value)
{
    syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

static void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static bool seen_while_spinning(struct half *half, uint32_t old)
{
    for (int64_t end = now_ns() + SPIN_NS; now_ns() < end; pause_a_little())
        if (half->count != old)
            return true;
    return false;
}

static void await(struct half *half, uint32_t old)
{
    if (spins && seen_while_spinning(half, old))
        return;
    half->sleeper = 1;
    while (half->count == old)
        futex(&half->count, FUTEX_WAIT, old);
    half->sleeper = 0;
}

static void post(struct half *half, const uint8_t *body, size_t size)
{
    memcpy(half->body, body, size);
    half->count++;
    if (half->sleeper)
        futex(&half->count, FUTEX_WAKE, 1);
}

static ssize_t receive(int fd, uint8_t *body, size_t size)
{
    ssize_t got = -1;
    int64_t end = spins ? now_ns() + SPIN_NS : 0;
    while (got < 0 && spins && now_ns() < end)
        got = recv(fd, body, size, MSG_DONTWAIT);
    return got < 0 ? recv(fd, body, size, 0) : got;
}

/* What stands for the call into the TEE: the answer is of this very request. */
static void perform(const uint8_t *request, uint8_t *answer)
{
    memcpy(answer, request, REPLY);
}

/* -- the server --------------------------------------------------------------------------- */

static void serve_socket(struct link *link)
{
    uint8_t request[256], answer[REPLY];
    must(receive(link->ours, request, sizeof(request)) == REQUEST, "recv");
    perform(request, answer);
    must(send(link->ours, answer, REPLY, MSG_NOSIGNAL) == REPLY, "send");
}

static void serve_slot(struct link *link)
{
    uint8_t request[REQUEST], answer[REPLY];
    memcpy(request, link->slot->request.body, REQUEST);
    link->taken++;
    perform(request, answer);
    post(&link->slot->answer, answer, REPLY);
}

static bool has_request(const struct link *link)
{
    return link->slot->request.count != link->taken;
}

static void *man_one(void *data)
{
    struct link *link = data;
    for (;;) {
        if (!in_memory) {
            serve_socket(link);
            continue;
        }
        await(&link->slot->request, link->taken);
        serve_slot(link);
    }
    return NULL;
}

static void a_thread_each(void)
{
    pthread_t thread;
    for (int i = 1; i < clients; i++)
        must(!pthread_create(&thread, NULL, man_one, &links[i]), "pthread_create");
    man_one(&links[0]);
}

/* A bell is never read: the kernel tells of each time that it rings. */
static void one_epoll_set(void)
{
    struct epoll_event events[MOST];
    int set = epoll_create1(0);
    for (int i = 0; i < clients; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t)i };
        event.events |= has_bell ? EPOLLET : 0;
        int fd = has_bell ? links[i].bell : links[i].ours;
        must(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    }
    for (;;) {
        int count = epoll_wait(set, events, MOST, -1);
        for (int i = 0; i < count; i++) {
            struct link *link = &links[events[i].data.u32];
            if (!in_memory)
                serve_socket(link);
            else if (has_request(link))
                serve_slot(link);
        }
    }
}

static void one_futex_waitv(void)
{
    struct futex_waitv waits[MOST] = { 0 };
    for (;;) {
        for (int i = 0; i < clients; i++) {
            struct half *request = &links[i].slot->request;
            if (has_request(&links[i]))
                serve_slot(&links[i]);
            request->sleeper = 1;
            waits[i].uaddr = (uintptr_t)&request->count;
            waits[i].val = links[i].taken;
            waits[i].flags = FUTEX_32;
        }
        syscall(SYS_futex_waitv, waits, clients, 0, NULL, 0);
    }
}

/* -- a client ----------------------------------------------------------------------------- */

static void ask_socket(struct link *link, const uint8_t *request, uint8_t *answer)
{
    must(send(link->theirs, request, REQUEST, MSG_NOSIGNAL) == REQUEST, "send");
    must(receive(link->theirs, answer, 256) == REPLY, "recv");
}

static void ask_slot(struct link *link, const uint8_t *request, uint8_t *answer)
{
    uint32_t before = link->slot->answer.count;
    post(&link->slot->request, request, REQUEST);
    if (has_bell)
        must(eventfd_write(link->bell, 1) == 0, "eventfd_write");
    await(&link->slot->answer, before);
    memcpy(answer, link->slot->answer.body, REPLY);
}

static int64_t ask(struct link *link, uint32_t number)
{
    uint8_t request[REQUEST] = { 0 }, answer[256];
    int64_t start = now_ns();
    memcpy(request, &number, sizeof(number));
    (in_memory ? ask_slot : ask_socket)(link, request, answer);
    must(memcmp(answer, &number, sizeof(number)) == 0, "the answer of another request");
    return now_ns() - start;
}

/* Everybody is warm before anybody is measured. */
static void be_client(struct link *link, size_t calls, int ready, int start, int64_t *took)
{
    char byte = 0;
    for (int i = 0; i < WARM_UP; i++)
        ask(link, (uint32_t)i);
    must(write(ready, &byte, 1) == 1, "write");
    must(read(start, &byte, 1) == 0, "read");
    for (size_t i = 0; i < calls; i++)
        took[i] = ask(link, (uint32_t)i);
    _exit(0);
}

/* -- both --------------------------------------------------------------------------------- */

static void *shared(size_t size)
{
    int fd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    must(ftruncate(fd, (off_t)size) == 0, "memfd");
    must(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0, "seals");
    void *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    must(place != MAP_FAILED, "mmap");
    return place;
}

static void make_links(void)
{
    for (int i = 0; i < clients; i++) {
        int ends[2];
        must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0, "socketpair");
        links[i] = (struct link){ .ours = ends[0], .theirs = ends[1], .bell = eventfd(0, 0),
                                  .slot = shared(sizeof(struct slot)) };
    }
}

/* Nobody waits for ever, whoever else ends. */
static void be_child_on(int cpu)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(SECONDS);
    pin(cpu);
}

static pid_t begin_server(const char *how, int cpu)
{
    pid_t server = fork();
    must(server >= 0, "fork");
    if (server)
        return server;
    be_child_on(cpu);
    if (!strcmp(how, "waitv"))
        one_futex_waitv();
    else if (has_bell || !strcmp(how, "loop"))
        one_epoll_set();
    else
        a_thread_each();
    exit(1);
}

static int64_t measure(size_t calls, int cpu, int64_t *took)
{
    int ready[2], start[2], status;
    char byte;
    must(pipe(ready) == 0 && pipe(start) == 0, "pipe");
    for (int i = 0; i < clients; i++) {
        pid_t client = fork();
        must(client >= 0, "fork");
        if (client)
            continue;
        be_child_on(cpu);
        close(start[1]);
        be_client(&links[i], calls, ready[1], start[0], took + i * calls);
    }
    close(ready[1]);
    for (int i = 0; i < clients; i++)
        must(read(ready[0], &byte, 1) == 1, "read");
    int64_t began = now_ns();
    close(start[1]);
    for (int i = 0; i < clients; i++)
        must(wait(&status) > 0 && status == 0, "wait");
    return now_ns() - began;
}

int main(int count, char **words)
{
    if (count != 6)
        return 2;
    clients = (int)number(words[2]);
    size_t calls = (size_t)number(words[3]);
    if (clients < 1 || clients > MOST)
        return 2;
    const char *how = words[1];
    in_memory = strcmp(how, "socket") && strcmp(how, "poll") && strcmp(how, "loop");
    spins = !strcmp(how, "spin") || !strcmp(how, "poll");
    has_bell = !strcmp(how, "bell");
    int64_t *took = shared(clients * calls * sizeof(*took));
    make_links();
    pid_t server = begin_server(how, (int)number(words[5]));
    int64_t all = measure(calls, (int)number(words[4]), took);
    kill(server, SIGKILL);
    tell(all, took, clients * calls);
    return 0;
}
