/* What the control plane asks of the crew.  Everything here is quick: no call waits for the
 * TEE, so the event loop may make them. */
#include "crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

int teed_pair(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) ? -errno : 0;
}

static bool make_room_for_channel(struct teed_crew *crew, size_t fd)
{
    if (fd < crew->room)
        return true;
    size_t room = fd < 64 ? 128 : 2 * fd;
    struct teed_channel **channels = realloc(crew->channels, room * sizeof(*channels));
    if (!channels)
        return false;
    memset(channels + crew->room, 0, (room - crew->room) * sizeof(*channels));
    crew->channels = channels;
    crew->room = room;
    return true;
}

/* Serve this channel from now on; 0 or -errno. */
int teed_enlist(struct teed_crew *crew, struct teed_channel *channel)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.fd = channel->fd };
    int failed = -ENOMEM;
    pthread_mutex_lock(&crew->lock);
    if (make_room_for_channel(crew, (size_t)channel->fd)) {
        failed = epoll_ctl(crew->epoll, EPOLL_CTL_ADD, channel->fd, &event) ? -errno : 0;
        if (!failed)
            crew->channels[channel->fd] = channel;
    }
    pthread_mutex_unlock(&crew->lock);
    return failed;
}

static int64_t running_request(const struct teed_channel *channel)
{
    return channel->running ? (int64_t)channel->request : TEED_NO_REQUEST;
}

/* No worker has it, so none will; what else there is to tell of it comes before that news. */
static int64_t retire_idle(struct teed_crew *crew, struct teed_channel *channel)
{
    teed_unqueue(crew, channel);
    if (!channel->news)
        return TEED_IS_IDLE;
    teed_tell(crew, channel, TEED_NEWS_IDLE);
    return TEED_NO_REQUEST;
}

/* Serve this channel no more.  The request that runs in the TEE for it, or TEED_NO_REQUEST, and
 * the news tell when no worker has it in hand; or TEED_IS_IDLE, and there will be no news. */
int64_t teed_retire(struct teed_crew *crew, struct teed_channel *channel)
{
    pthread_mutex_lock(&crew->lock);
    int64_t request = running_request(channel);
    if (!channel->retired) {
        channel->retired = true;
        crew->channels[channel->fd] = NULL;
        epoll_ctl(crew->epoll, EPOLL_CTL_DEL, channel->fd, NULL);
        if (channel->place != TEED_BUSY)
            request = retire_idle(crew, channel);
    }
    pthread_mutex_unlock(&crew->lock);
    return request;
}

/* Run this errand in its owner's turn. */
void teed_submit(struct teed_crew *crew, struct teed_work *errand)
{
    pthread_mutex_lock(&crew->lock);
    teed_turns_put(&crew->ready, &errand->turn);
    teed_ring_if_needed(crew);
    pthread_mutex_unlock(&crew->lock);
}

/* Take back an errand; false when a worker has it already. */
bool teed_withdraw(struct teed_crew *crew, struct teed_work *errand)
{
    pthread_mutex_lock(&crew->lock);
    bool waited = teed_turns_remove(&crew->ready, &errand->turn) ||
                  teed_turns_remove(&crew->patient, &errand->turn);
    pthread_mutex_unlock(&crew->lock);
    return waited;
}

/* Whether this request is the one in the channel's socket. */
static bool is_next(const struct teed_channel *channel, uint32_t request)
{
    struct teed_invoke call;
    long size;
    return teed_peek(channel, &call, &size) && call.arg.cancel_id == request;
}

/* Answer the request in a channel's socket, which no worker has, with the refusal.  A worker
 * that has sent its answer reads no more, but the client may have the next request there. */
static bool withdraw_unread(struct teed_crew *crew, struct teed_channel *channel,
                            uint32_t request, const uint8_t *refusal, size_t size)
{
    uint8_t byte;
    if (channel->retired || channel->lost || !is_next(channel, request))
        return false;
    ssize_t got = teed_receive(channel, &byte, 1);
    if (got == -1)
        return false;
    int lost = got == TEED_RIGHTS ? TEED_SENT_RIGHTS : teed_send(channel, refusal, size);
    if (lost)
        teed_lose(crew, channel, lost);
    if (channel->place != TEED_IDLE && channel->place != TEED_BUSY)
        teed_unqueue(crew, channel);
    return true;
}

/* Withdraw a request that has not entered the TEE; false if there is none.
 *
 * One that waits is still in its socket, where its id can be looked at.  One that a worker
 * has just read is withdrawn by that worker. */
bool teed_withdraw_request(struct teed_crew *crew, struct teed_channel *channel,
                           uint32_t request, const uint8_t *refusal, size_t size)
{
    bool withdrawn;
    pthread_mutex_lock(&crew->lock);
    while (channel->answering && is_next(channel, request))
        pthread_cond_wait(&crew->changed, &crew->lock);
    if (channel->reading) {
        withdrawn = true;
        channel->unwanted = request;
    } else {
        withdrawn = (channel->place != TEED_BUSY || channel->answered) &&
                    withdraw_unread(crew, channel, request, refusal, size);
    }
    pthread_mutex_unlock(&crew->lock);
    return withdrawn;
}

/* Hold the session to this request, so that a cancellation sent there hits it or nobody;
 * the session, or -1 when the request does not run. */
int64_t teed_hold(struct teed_crew *crew, struct teed_channel *channel, uint32_t request)
{
    pthread_mutex_lock(&crew->lock);
    bool runs = running_request(channel) == (int64_t)request;
    channel->room->cancelling += runs;
    pthread_mutex_unlock(&crew->lock);
    return runs ? (int64_t)channel->room->session : -1;
}

void teed_let_go(struct teed_crew *crew, struct teed_channel *channel)
{
    pthread_mutex_lock(&crew->lock);
    channel->room->cancelling--;
    pthread_cond_broadcast(&crew->changed);
    pthread_mutex_unlock(&crew->lock);
}

void teed_probe(struct teed_crew *crew, void (*probe)(void *crew, int moment))
{
    crew->probe = probe;
}

/* Hand over the descriptors that came with a lost channel's last message; how many. */
size_t teed_take_rights(struct teed_crew *crew, struct teed_channel *channel, int *fds)
{
    size_t count = 0;
    pthread_mutex_lock(&crew->lock);
    if (channel->rights) {
        count = channel->rights->count;
        memcpy(fds, channel->rights->fds, count * sizeof(int));
        free(channel->rights);
        channel->rights = NULL;
    }
    pthread_mutex_unlock(&crew->lock);
    return count;
}

int teed_news_fd(struct teed_crew *crew)
{
    return crew->news;
}

/* The handle of the next channel that something became of, and what; NULL: no more news. */
void *teed_hear(struct teed_crew *crew, int *what)
{
    uint64_t told;
    void *handle = NULL;
    pthread_mutex_lock(&crew->lock);
    struct teed_channel *channel = crew->first_news;
    if (channel) {
        handle = channel->work.handle;
        crew->first_news = channel->next_news;
        *what = channel->news;
        channel->news = 0;
    } else if (read(crew->news, &told, sizeof(told)) < 0) {
        *what = 0; /* it was quiet */
    }
    pthread_mutex_unlock(&crew->lock);
    return handle;
}
