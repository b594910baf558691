/* Where channels and errands wait, and which of them is next.  All of it under the lock. */
#include "crew.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

static void put(struct teed_turns *line, struct teed_channel *channel, int place)
{
    channel->place = place;
    teed_turns_put(line, &channel->work.turn);
}

/* Something has come in for this channel. */
void teed_line_up(struct teed_crew *crew, struct teed_channel *channel)
{
    if (channel->place == TEED_IDLE && !channel->lost)
        put(&crew->ready, channel, TEED_READY);
}

static void rearm(struct teed_crew *crew, struct teed_channel *channel)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.fd = channel->fd };
    channel->place = TEED_IDLE;
    if (!channel->retired && !channel->lost)
        epoll_ctl(crew->epoll, EPOLL_CTL_MOD, channel->fd, &event);
}

/* The session goes to who is next at its door. */
static void pass_on(struct teed_crew *crew, struct teed_room *room)
{
    room->inside = (struct teed_channel *)teed_turns_take(&room->waiting);
    if (room->inside)
        put(&crew->ready, room->inside, TEED_READY);
}

static bool long_may_enter(const struct teed_crew *crew)
{
    return crew->may_be_long < crew->size;
}

/* An errand may take long: it opens a session. */
static bool admit_errand(struct teed_crew *crew, struct teed_work *errand)
{
    if (long_may_enter(crew)) {
        crew->may_be_long++;
        return true;
    }
    teed_turns_put(&crew->patient, &errand->turn);
    return false;
}

/* Whether what this channel has to say gives a worker back soon, as far as is known. */
static bool is_brief(const struct teed_crew *crew, const struct teed_channel *channel,
                     const struct teed_invoke *call)
{
    return teed_is_brief(&crew->records, channel->room->application, call->arg.func);
}

static void give_up_session(struct teed_crew *crew, struct teed_channel *channel)
{
    if (channel->room->inside == channel)
        pass_on(crew, channel->room);
}

/* Only the last thread is left: look at the request before it is taken.  What is no
 * invocation, or the end of the channel, does not enter the TEE. */
static bool admit_last(struct teed_crew *crew, struct teed_channel *channel)
{
    struct teed_invoke call;
    long size;
    bool sound = teed_peek(channel, &call, &size);
    if (size < 0) { /* it was withdrawn */
        give_up_session(crew, channel);
        rearm(crew, channel);
        return false;
    }
    if (!sound || is_brief(crew, channel, &call))
        return true;
    give_up_session(crew, channel);
    put(&crew->patient, channel, TEED_PATIENT);
    return false;
}

static bool admit_channel(struct teed_crew *crew, struct teed_channel *channel)
{
    struct teed_room *room = channel->room;
    if (room->inside && room->inside != channel) {
        put(&room->waiting, channel, TEED_PARKED);
        return false;
    }
    channel->may_be_long = long_may_enter(crew);
    if (!channel->may_be_long && !admit_last(crew, channel))
        return false;
    crew->may_be_long += channel->may_be_long;
    room->inside = channel;
    channel->place = TEED_BUSY;
    channel->answered = false;
    return true;
}

/* Who had a turn already, and could not enter, is before the others. */
static struct teed_work *first_in_line(struct teed_crew *crew)
{
    struct teed_turn *turn = NULL;
    if (long_may_enter(crew))
        turn = teed_turns_take(&crew->patient);
    if (!turn)
        turn = teed_turns_take(&crew->ready);
    return (struct teed_work *)turn;
}

/* The next thing that can start now, or NULL; what cannot is put where it waits. */
struct teed_work *teed_take(struct teed_crew *crew)
{
    struct teed_work *work;
    while ((work = first_in_line(crew)) != NULL)
        if (work->is_errand ? admit_errand(crew, work)
                            : admit_channel(crew, (struct teed_channel *)work))
            break;
    return work;
}

/* Take a channel out of whatever line it is in, and let who is behind it come. */
void teed_unqueue(struct teed_crew *crew, struct teed_channel *channel)
{
    struct teed_turn *turn = &channel->work.turn;
    if (channel->place == TEED_PARKED)
        teed_turns_remove(&channel->room->waiting, turn);
    else if (channel->place == TEED_PATIENT)
        teed_turns_remove(&crew->patient, turn);
    else if (channel->place == TEED_READY)
        teed_turns_remove(&crew->ready, turn);
    give_up_session(crew, channel);
    rearm(crew, channel);
    teed_ring_if_needed(crew);
}

/* Whether to look at once for the next request, instead of having epoll tell of it.  When nobody
 * else waits, the client that was answered has often sent it by now, and to tell epoll of the
 * channel would wake another worker for it. */
static bool is_worth_a_look(const struct teed_crew *crew, const struct teed_channel *channel)
{
    return !crew->ready.first && !channel->retired && !channel->lost;
}

/* A worker is done with it, having found a request there or not: it goes back to where it
 * waits, and its session on. */
void teed_put_back(struct teed_crew *crew, struct teed_channel *channel, bool found)
{
    channel->reading = false;
    while (channel->room->cancelling)
        pthread_cond_wait(&crew->changed, &crew->lock);
    crew->may_be_long -= channel->may_be_long;
    channel->may_be_long = false;
    pass_on(crew, channel->room);
    if (found && is_worth_a_look(crew, channel))
        put(&crew->ready, channel, TEED_READY);
    else
        rearm(crew, channel);
    if (channel->retired)
        teed_tell(crew, channel, TEED_NEWS_IDLE);
}

/* Wake a worker when something could start and nobody who is awake will see to it. */
void teed_ring_if_needed(struct teed_crew *crew)
{
    if (crew->sleeping && (crew->ready.first || (crew->patient.first && long_may_enter(crew))))
        eventfd_write(crew->bell, 1);
}

/* Something for the event loop to hear of. */
void teed_tell(struct teed_crew *crew, struct teed_channel *channel, int what)
{
    if (!channel->news) {
        channel->next_news = NULL;
        if (crew->first_news)
            crew->last_news->next_news = channel;
        else
            crew->first_news = channel;
        crew->last_news = channel;
        eventfd_write(crew->news, 1);
    }
    channel->news |= what;
}
