/* One invocation, from the socket into the TEE and back, on a worker's thread.
 *
 * What is rare is left to Python: whatever is no invocation, the words of a refusal, the end
 * of a buffer that was released while it was in use. */
#include "crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define QUIETLY (MSG_DONTWAIT | MSG_NOSIGNAL)

uint64_t teed_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The invocation that waits in a channel's socket, which is left there; false when there is
 * none.  A negative size: there is nothing at all. */
bool teed_peek(const struct teed_channel *channel, struct teed_invoke *call, long *size)
{
    uint8_t body[TEED_MAX_INVOKE];
    *size = recv(channel->fd, body, sizeof(body), QUIETLY | MSG_PEEK | MSG_TRUNC);
    if (*size < 0 && errno != EAGAIN)
        *size = 0; /* a connection that is broken has ended */
    return *size > 0 && *size <= (long)sizeof(body) && teed_decode(body, (size_t)*size, call);
}

/* Their last close takes as long as their sender likes, so it is not for a worker to make:
 * the control plane hears of them when it hears that the channel is lost. */
static void keep(struct teed_channel *channel, const struct cmsghdr *head)
{
    struct teed_rights *rights = malloc(sizeof(*rights));
    if (!rights)
        return;
    rights->count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(rights->fds, CMSG_DATA(head), rights->count * sizeof(int));
    channel->rights = rights;
}

/* The next message, as recv() has it; TEED_RIGHTS when descriptors came along.
 *
 * There is room for as many as a message can have: what does not fit the kernel closes at
 * once, here and now. */
ssize_t teed_receive(struct teed_channel *channel, void *body, size_t size)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(TEED_MOST_FDS * sizeof(int))];
    } control;
    struct iovec place = { .iov_base = body, .iov_len = size };
    struct msghdr message = { .msg_iov = &place,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    ssize_t got = recvmsg(channel->fd, &message, QUIETLY | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *rights = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (!rights)
        return got;
    keep(channel, rights);
    return TEED_RIGHTS;
}

/* 0, or why the channel is lost. */
int teed_send(const struct teed_channel *channel, const uint8_t *body, size_t size)
{
    if (send(channel->fd, body, size, QUIETLY) >= 0)
        return 0;
    return errno == EAGAIN ? TEED_UNREAD : TEED_HUNG_UP;
}

/* Leave a channel whose peer is gone, or must go, to the control plane. */
void teed_lose(struct teed_crew *crew, struct teed_channel *channel, int why)
{
    channel->lost = why;
    teed_tell(crew, channel, TEED_NEWS_LOST);
}

static void probe(struct teed_crew *crew, int moment)
{
    if (crew->probe)
        crew->probe(crew->ops.crew, moment);
}

static bool is_unwanted(const struct teed_channel *channel, uint32_t request)
{
    return channel->retired || channel->unwanted == (int64_t)request;
}

/* From here on a sound request is the one that runs; false when it was withdrawn before. */
static bool enter(struct teed_crew *crew, struct teed_channel *channel,
                  const struct teed_invoke *call, bool sound)
{
    pthread_mutex_lock(&crew->lock);
    channel->reading = false;
    bool wanted = !is_unwanted(channel, call->arg.cancel_id);
    channel->answering = !(wanted && sound);
    if (wanted && sound) {
        channel->running = true;
        channel->request = call->arg.cancel_id;
        crew->invocations++;
    }
    if (wanted && channel->may_be_long &&
        teed_is_brief(&crew->records, channel->room->application, call->arg.func)) {
        channel->may_be_long = false;
        crew->may_be_long--;
        teed_ring_if_needed(crew);
    }
    pthread_mutex_unlock(&crew->lock);
    return wanted;
}

static void leave(struct teed_crew *crew, struct teed_channel *channel,
                  const struct teed_invoke *call, bool reached, uint64_t took_ns)
{
    const uint32_t target_dead = 0xffff3024, from_tee = 3;
    pthread_mutex_lock(&crew->lock);
    channel->running = false;
    channel->answering = true;
    if (reached)
        teed_note(&crew->records, channel->room->application, call->arg.func, took_ns);
    if (reached && call->arg.ret == target_dead && call->arg.ret_origin == from_tee)
        channel->room->dead = true;
    pthread_mutex_unlock(&crew->lock);
}

static void let_buffers_go(struct teed_crew *crew, struct teed_channel *channel,
                           const struct teed_pins *pins)
{
    uint32_t over[4];
    unsigned count = teed_unpin(channel->buffers, pins, over);
    for (unsigned i = 0; i < count; i++)
        crew->ops.destroy(crew->ops.crew, channel->buffers->handle, over[i]);
}

/* The request runs for as long as the TEE has it and not longer, which is when a
 * cancellation may be sent; false when the driver refused it. */
static bool run(struct teed_crew *crew, struct teed_channel *channel, struct teed_invoke *call,
                struct teed_fault *fault)
{
    uint64_t start = teed_now_ns();
    int failed = crew->ops.invoke(crew->ops.context, call);
    leave(crew, channel, call, !failed, teed_now_ns() - start);
    if (failed)
        *fault = (struct teed_fault){ .kind = TEED_DRIVER, .error = -failed };
    return !failed;
}

/* Run the call with its buffers held; false when it did not reach the TEE. */
static bool call_tee(struct teed_crew *crew, struct teed_channel *channel,
                     struct teed_invoke *call, struct teed_fault *fault)
{
    struct teed_pins pins;
    bool reached = false;
    call->arg.session = channel->room->session;
    bool sound = teed_pin(channel->buffers, call->params, call->arg.num_params, &pins, fault);
    if (sound)
        teed_fill_shadows(&pins);
    if (!enter(crew, channel, call, sound))
        fault->kind = TEED_CANCELLED;
    else if (sound)
        reached = run(crew, channel, call, fault);
    if (reached)
        teed_outputs(&pins, call->params);
    if (sound)
        let_buffers_go(crew, channel, &pins);
    return reached;
}

/* The size of the answer, which is in body. */
static size_t answer(struct teed_crew *crew, struct teed_channel *channel,
                     struct teed_invoke *call, uint8_t *body)
{
    struct teed_fault fault;
    if (call_tee(crew, channel, call, &fault))
        return teed_encode(call, body);
    return crew->ops.refuse(crew->ops.crew, call->arg.cancel_id, &fault, body);
}

/* Let Python judge what is no invocation; 0 when it breaks the protocol. */
static size_t judge(struct teed_crew *crew, struct teed_channel *channel, size_t size,
                    uint8_t *body)
{
    pthread_mutex_lock(&crew->lock);
    channel->reading = false;
    channel->answering = true;
    int64_t unwanted = channel->unwanted;
    pthread_mutex_unlock(&crew->lock);
    return crew->ops.judge(crew->ops.crew, channel->work.handle, size, unwanted, body);
}

/* Answer what was received: the size of the answer, which is in body, or minus why the channel
 * is lost. */
static long serve(struct teed_crew *crew, struct teed_channel *channel, ssize_t size,
                  uint8_t *body)
{
    struct teed_invoke call;
    if (size == TEED_RIGHTS)
        return -TEED_SENT_RIGHTS;
    if (size <= 0)
        return -TEED_HUNG_UP;
    probe(crew, TEED_HAS_READ);
    size_t length = teed_decode(body, (size_t)size, &call)
                        ? answer(crew, channel, &call, body)
                        : judge(crew, channel, (size_t)size, body);
    if (!length)
        return -TEED_MALFORMED;
    probe(crew, TEED_WILL_SEND);
    return (long)length;
}

/* Receive one request and answer it; false when there is none.
 *
 * It is received under the lock: what waits is in its socket, or else in a worker's hands, for
 * whoever withdraws it.  The answer is not sent under the lock: who is woken by it may run at
 * once, in this worker's place.  It may cancel its next request before the worker is back, so
 * who withdraws one waits while a channel is being answered. */
bool teed_serve(struct teed_crew *crew, struct teed_channel *channel, uint8_t *body)
{
    ssize_t got = teed_receive(channel, body, TEED_MAX_MESSAGE + 1);
    if (got == -1 && errno == EAGAIN)
        return false; /* it was withdrawn, or has not come yet */
    channel->reading = true;
    channel->unwanted = -1;
    pthread_mutex_unlock(&crew->lock);
    long size = serve(crew, channel, got, body);
    int lost = size < 0 ? (int)-size : teed_send(channel, body, (size_t)size);
    pthread_mutex_lock(&crew->lock);
    channel->answering = false;
    channel->answered = true;
    pthread_cond_broadcast(&crew->changed);
    if (lost)
        teed_lose(crew, channel, lost);
    return true;
}
