/* The core under load, for a sanitizer to watch.
 *
 * Clients come and go on sockets, ask, ask ahead, hang up, talk nonsense; others cancel,
 * withdraw, release memory that is in use and send errands, all of it at once and against a
 * TEE that is no more than a check of what the core promises: one call in a session, none
 * of them another's to cancel, no buffer gone while it is used, every request answered. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core.h"

#define CLIENTS 8
#define ROOMS 3
#define SPAN 12 /* requests of one channel, whose ids are the client's own */

#define CHECK(promise) \
    do { \
        if (!(promise)) { \
            fprintf(stderr, "stress: line %d: broken: %s\n", __LINE__, #promise); \
            abort(); \
        } \
    } while (0)

struct client {
    int number, fd;
    unsigned seed;
    struct teed_channel *channel;
    struct teed_buffers *buffers;
    pthread_mutex_t lock; /* the channel is there as long as it is held */
    sem_t idle;
    pthread_t thread;
    uint32_t buffer;
};

static struct teed_crew *crew;
static struct teed_room rooms[ROOMS];
static struct client clients[CLIENTS];
static atomic_bool over, all_gone;
static atomic_uint inside[ROOMS]; /* 1 + the id of the request in that session */
static atomic_ulong answered, refused, withdrawn, cancelled, errands, destroyed, added;

static unsigned dice(unsigned *seed, unsigned sides)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 16) % sides;
}

/* -- what the core calls ------------------------------------------------------------------ */

static int invoke(void *context, struct teed_invoke *call)
{
    unsigned seed = call->arg.cancel_id * 7919u + call->arg.func, none = 0;
    (void)context;
    CHECK(atomic_compare_exchange_strong(&inside[call->arg.session], &none,
                                         1 + call->arg.cancel_id));
    if (call->arg.num_params)
        CHECK(call->params[0].c >= 1000); /* the TEE's id, not the client's number */
    for (unsigned spins = dice(&seed, 400); spins; spins--)
        sched_yield();
    atomic_store(&inside[call->arg.session], 0);
    call->arg.ret_origin = 4;
    return call->arg.func == 3 ? -ENOMEM : 0;
}

static size_t refuse(void *handle, uint32_t request, const struct teed_fault *why, uint8_t *body)
{
    struct teed_invoke said = { .arg = { .cancel_id = request, .ret = (uint32_t)why->kind } };
    (void)handle;
    CHECK(why->kind >= TEED_CANCELLED && why->kind <= TEED_DRIVER);
    atomic_fetch_add(&refused, 1);
    return teed_encode(&said, body);
}

static size_t judge(void *handle, void *channel, size_t size, int64_t unwanted, uint8_t *body)
{
    (void)handle, (void)channel, (void)size, (void)unwanted, (void)body;
    return 0;
}

static void destroy(void *handle, void *table, uint32_t number)
{
    (void)handle, (void)table;
    CHECK(number);
    atomic_fetch_add(&destroyed, 1);
}

static void run(void *handle, void *errand)
{
    (void)handle;
    atomic_fetch_add(&errands, 1);
    sem_post(errand);
}

/* -- clients ------------------------------------------------------------------------------ */

static uint32_t add_buffer(struct client *client)
{
    uint32_t number = client->buffer + 1;
    CHECK(teed_buffers_add(client->buffers, number, 1000 + number, 4096, NULL, NULL));
    atomic_fetch_add(&added, 1);
    return number;
}

/* Exchange the client's buffer for another, whether it is in use or not. */
static void change_buffer(struct client *client)
{
    int outcome = teed_buffers_release(client->buffers, client->buffer);
    CHECK(outcome != TEED_UNKNOWN);
    if (outcome == TEED_RELEASED)
        destroy(NULL, NULL, client->buffer);
    client->buffer = add_buffer(client);
}

static void ask(struct client *client, uint32_t id)
{
    uint8_t body[] = { 0x94, 0, (uint8_t)id, 0xa6, 'i', 'n', 'v', 'o', 'k', 'e', 0x92,
                       (uint8_t)dice(&client->seed, 4), 0x91, 0x94, 7, 0, 64, 0xcd,
                       (uint8_t)(client->buffer >> 8), (uint8_t)client->buffer };
    (void)!send(client->fd, body, sizeof(body), MSG_NOSIGNAL);
}

static void hear_answer(struct client *client, uint32_t id)
{
    struct pollfd waiting = { .fd = client->fd, .events = POLLIN };
    uint8_t body[TEED_MAX_INVOKE];
    CHECK(poll(&waiting, 1, 20000) == 1);
    CHECK(recv(client->fd, body, sizeof(body), MSG_DONTWAIT) > 0);
    CHECK(body[1] == 1 && body[2] == id);
    atomic_fetch_add(&answered, 1);
}

static bool withdraw(struct client *client, uint32_t id)
{
    struct teed_invoke said = { .arg = { .cancel_id = id, .ret = TEED_CANCELLED } };
    uint8_t body[TEED_MAX_INVOKE];
    size_t size = teed_encode(&said, body);
    return teed_withdraw_request(crew, client->channel, id, body, size);
}

static void converse(struct client *client)
{
    uint32_t first = (uint32_t)client->number * SPAN;
    for (uint32_t id = first; id < first + SPAN; id++) {
        bool ahead = dice(&client->seed, 4) == 0 && id + 1 < first + SPAN;
        ask(client, id);
        if (ahead)
            ask(client, id + 1);
        if (dice(&client->seed, 3) == 0)
            change_buffer(client);
        if (dice(&client->seed, 40) == 0)
            return; /* it does not wait for the answer */
        hear_answer(client, id);
        if (ahead)
            hear_answer(client, ++id);
        CHECK(!withdraw(client, id)); /* it is over, though its worker may be looking for more */
    }
}

static void talk_nonsense(struct client *client)
{
    (void)!send(client->fd, "\xc1", 1, MSG_NOSIGNAL);
}

static void begin(struct client *client)
{
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
    struct teed_channel *channel = calloc(1, sizeof(*channel));
    client->fd = ends[1];
    channel->fd = ends[0];
    channel->room = &rooms[dice(&client->seed, ROOMS)];
    channel->buffers = client->buffers;
    channel->work.handle = client;
    channel->work.turn.owner = (uint64_t)client->number / 2;
    channel->unwanted = -1;
    pthread_mutex_lock(&client->lock);
    client->channel = channel;
    CHECK(teed_enlist(crew, channel) == 0);
    pthread_mutex_unlock(&client->lock);
}

static void end(struct client *client)
{
    bool politely = dice(&client->seed, 2);
    if (dice(&client->seed, 4) == 0)
        talk_nonsense(client);
    if (!politely)
        close(client->fd);
    pthread_mutex_lock(&client->lock);
    struct teed_channel *channel = client->channel;
    client->channel = NULL;
    bool is_idle = teed_retire(crew, channel) == TEED_IS_IDLE;
    pthread_mutex_unlock(&client->lock);
    while (!is_idle && sem_wait(&client->idle))
        ;
    close(channel->fd);
    free(channel);
    if (politely)
        close(client->fd);
}

static void *live(void *data)
{
    struct client *client = data;
    while (!over) {
        begin(client);
        converse(client);
        end(client);
    }
    return NULL;
}

/* -- the control plane -------------------------------------------------------------------- */

static void *listen_to_news(void *data)
{
    struct pollfd news = { .fd = teed_news_fd(crew), .events = POLLIN };
    struct client *client;
    int what;
    (void)data;
    while (!all_gone) {
        poll(&news, 1, 50);
        while ((client = teed_hear(crew, &what)))
            if (what & TEED_NEWS_IDLE)
                sem_post(&client->idle);
    }
    return NULL;
}

/* While a session is held, nobody else's call comes into it. */
static void cancel(struct client *client, uint32_t id)
{
    int64_t session = teed_hold(crew, client->channel, id);
    if (session < 0)
        return;
    for (int looks = 0; looks < 20; looks++) {
        unsigned now = atomic_load(&inside[session]);
        CHECK(now == 0 || now == 1 + id);
        sched_yield();
    }
    atomic_fetch_add(&cancelled, 1);
    teed_let_go(crew, client->channel);
}

static void send_errand(unsigned owner)
{
    sem_t done;
    sem_init(&done, 0, 0);
    struct teed_work errand = { .turn.owner = owner, .handle = &done, .is_errand = true };
    teed_submit(crew, &errand);
    if (!teed_withdraw(crew, &errand))
        while (sem_wait(&done))
            ;
    sem_destroy(&done);
}

static void *interfere(void *data)
{
    unsigned seed = 4711u + (unsigned)(uintptr_t)data;
    while (!over) {
        struct client *client = &clients[dice(&seed, CLIENTS)];
        uint32_t id = (uint32_t)client->number * SPAN + dice(&seed, SPAN);
        pthread_mutex_lock(&client->lock);
        if (client->channel && dice(&seed, 2))
            cancel(client, id);
        else if (client->channel)
            atomic_fetch_add(&withdrawn, withdraw(client, id));
        pthread_mutex_unlock(&client->lock);
        if (dice(&seed, 50) == 0)
            send_errand(dice(&seed, CLIENTS));
    }
    return NULL;
}

static void start_client(int number)
{
    struct client *client = &clients[number];
    client->number = number;
    client->seed = (unsigned)number + 1;
    client->buffers = teed_buffers_new(client, true);
    client->buffer = add_buffer(client);
    pthread_mutex_init(&client->lock, NULL);
    sem_init(&client->idle, 0, 0);
    CHECK(pthread_create(&client->thread, NULL, live, client) == 0);
}

static void sleep_for(unsigned milliseconds)
{
    struct timespec time = { milliseconds / 1000, (long)(milliseconds % 1000) * 1000000 };
    nanosleep(&time, NULL);
}

int main(int argc, char **argv)
{
    struct teed_ops ops = { .invoke = invoke, .refuse = refuse, .judge = judge,
                            .destroy = destroy, .run = run };
    pthread_t listener, others[2];
    crew = teed_crew_new(&ops, 2, 1, 1000000);
    CHECK(crew && teed_crew_start(crew) == 0);
    for (unsigned i = 0; i < ROOMS; i++)
        rooms[i].session = i;
    pthread_create(&listener, NULL, listen_to_news, NULL);
    for (int i = 0; i < CLIENTS; i++)
        start_client(i);
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&others[i], NULL, interfere, (void *)i);

    sleep_for(argc > 1 ? (unsigned)atoi(argv[1]) : 2000);
    over = true;
    for (int i = 0; i < 2; i++)
        pthread_join(others[i], NULL);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    all_gone = true;
    pthread_join(listener, NULL);
    CHECK(teed_crew_stop(crew, 10000));
    for (int i = 0; i < CLIENTS; i++) {
        change_buffer(&clients[i]);
        teed_buffers_free(clients[i].buffers);
    }
    CHECK(added == destroyed + CLIENTS);
    teed_crew_free(crew);
    printf("%lu answered %lu refused %lu withdrawn %lu cancelled %lu errands %lu buffers\n",
           answered, refused, withdrawn, cancelled, errands, destroyed);
    return 0;
}
