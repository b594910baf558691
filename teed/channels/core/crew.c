/* The crew: a few threads that take invocations from the channels and run them.
 *
 * Theory of operation
 * -------------------
 * A fixed number of workers waits on all channels in one epoll set.  The kernel wakes one of
 * them for a message, the one that went to sleep last; that one lines up every channel that
 * is readable by now and takes the one whose turn it is: reads the request, runs the ioctl,
 * writes the answer, all on its own thread.  No queue between threads, no wake-up of the
 * event loop, and on this path no Python.
 *
 * The number of workers is the admission control.  What no worker has taken up waits,
 * unread, in its own channel's socket: it costs nothing, slows nobody but its sender and can
 * be withdrawn without troubling the TEE.
 *
 * Where a channel is.  Its descriptor is registered one-shot, so it is in one place:
 *
 *   IDLE     in the epoll set
 *   READY    lined up, in its owner's turn; if its room has it inside, the session is its own
 *   PARKED   at the door of its session, which another call is in
 *   PATIENT  it had its turn, but would have taken the last thread for who knows how long
 *   BUSY     in the hands of one worker, and its session with it
 *
 * IDLE -> READY -> BUSY -> IDLE is the plain path; when nobody else waits, a channel whose
 * request was answered is READY at once, and IDLE when nothing is found there.  PARKED comes
 * back to READY when the call inside leaves, PATIENT is looked at before READY whenever a call
 * that may be long can enter.  Owners (clients) are served in turn in every one of the lines.
 *
 * One call is inside a session at a time.  A worker never waits for a session: it parks the
 * channel and looks at the next.
 *
 * The last thread.  There are size + spare workers.  At most size calls that may be long are
 * under way, errands among them; the spare ones are for commands that are known to be brief
 * (brief.c).  A worker counts what it takes as one that may be long until it knows better;
 * where that is no longer possible, it looks at the message without taking it.
 *
 * Cancellation.  A call is entered, and its end noted, under the lock, so whoever cancels
 * knows for certain whether it is the one running.  While a cancellation is under way the
 * session is not passed on: OP-TEE cancels sessions, and a late one would hit the next call.
 *
 * Who owns what.  Channels, rooms and errands are Python's memory; Python keeps a channel
 * from teed_enlist until it is told that it is idle, by teed_retire or as news, and an errand
 * until it was withdrawn or run.  Who hears the news should be the one who retires: a channel
 * may be gone, else, by the time that it is heard of.  The core finds a channel by its
 * descriptor, in a table that teed_retire takes it out of, so an event that comes late finds
 * nothing, or, the number being used again, a channel with nothing in it.
 *
 * The crew's lock guards everything in struct teed_crew, teed_room and teed_channel that
 * changes.  It is never held across the TEE, a callback into Python (which takes the GIL,
 * whose holder may want the lock) or anything that blocks.  A table of buffers has a lock of
 * its own, and nobody holds both. */
#include "crew.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64
#define GATHERED_FOR_NS 20000

/* Whoever is woken by the bell silences it, unless it rings for the end. */
static void line_up_event(struct teed_crew *crew, int fd)
{
    uint64_t rung;
    if (fd == crew->bell) {
        if (!crew->stopping && read(fd, &rung, sizeof(rung)) < 0)
            return; /* another was quicker */
    } else if ((size_t)fd < crew->room && crew->channels[fd]) {
        teed_line_up(crew, crew->channels[fd]);
    }
}

static void line_up_events(struct teed_crew *crew, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++)
        line_up_event(crew, events[i].data.fd);
    crew->gathered_ns = teed_now_ns();
}

/* Line up what is readable. */
static void gather(struct teed_crew *crew)
{
    struct epoll_event events[EVENTS];
    line_up_events(crew, events, epoll_wait(crew->epoll, events, EVENTS, 0));
}

/* Not after each of many calls that take next to no time. */
static bool is_due(const struct teed_crew *crew)
{
    return teed_now_ns() - crew->gathered_ns > GATHERED_FOR_NS;
}

/* The same, when there is something. */
static void sleep_and_gather(struct teed_crew *crew)
{
    struct epoll_event events[EVENTS];
    crew->sleeping++;
    pthread_mutex_unlock(&crew->lock);
    int count = epoll_wait(crew->epoll, events, EVENTS, -1);
    pthread_mutex_lock(&crew->lock);
    crew->sleeping--;
    line_up_events(crew, events, count);
}

/* The next thing to do; NULL when the crew is stopped. */
static struct teed_work *next_work(struct teed_crew *crew)
{
    while (!crew->stopping) {
        if ((crew->ready.first || crew->patient.first) && is_due(crew))
            gather(crew); /* who came meanwhile has a turn too */
        struct teed_work *work = teed_take(crew);
        teed_ring_if_needed(crew);
        if (work)
            return work;
        sleep_and_gather(crew);
    }
    return NULL;
}

/* Do it, with the lock given up for as long. */
static void run_errand(struct teed_crew *crew, struct teed_work *errand)
{
    pthread_mutex_unlock(&crew->lock);
    crew->ops.run(crew->ops.crew, errand->handle);
    pthread_mutex_lock(&crew->lock);
    crew->may_be_long--;
}

static void *man(void *data)
{
    struct teed_crew *crew = data;
    struct teed_work *work;
    uint8_t *body = malloc(TEED_MAX_MESSAGE + 1);
    pthread_mutex_lock(&crew->lock);
    while (body && (work = next_work(crew))) {
        if (work->is_errand) {
            run_errand(crew, work);
        } else {
            struct teed_channel *channel = (struct teed_channel *)work;
            bool found = teed_serve(crew, channel, body);
            teed_put_back(crew, channel, found);
        }
    }
    crew->alive--;
    pthread_cond_broadcast(&crew->changed);
    pthread_mutex_unlock(&crew->lock);
    free(body);
    return NULL;
}

static void init_lock(struct teed_crew *crew)
{
    pthread_condattr_t clock;
    pthread_mutex_init(&crew->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&crew->changed, &clock);
    pthread_condattr_destroy(&clock);
}

struct teed_crew *teed_crew_new(const struct teed_ops *ops, unsigned size, unsigned spare,
                                uint64_t brief_ns)
{
    struct teed_crew *crew = calloc(1, sizeof(*crew));
    if (!crew)
        return NULL;
    crew->ops = *ops;
    crew->size = size;
    crew->spare = spare;
    crew->records.brief_ns = brief_ns;
    crew->epoll = epoll_create1(EPOLL_CLOEXEC);
    crew->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    crew->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    crew->threads = calloc(size + spare, sizeof(*crew->threads));
    init_lock(crew);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = crew->bell };
    if (crew->news >= 0 && crew->threads &&
        epoll_ctl(crew->epoll, EPOLL_CTL_ADD, crew->bell, &event) == 0)
        return crew;
    teed_crew_free(crew);
    return NULL;
}

static int start_one(struct teed_crew *crew)
{
    char name[16];
    pthread_t *thread = &crew->threads[crew->started];
    int failed = pthread_create(thread, NULL, man, crew);
    if (failed)
        return failed;
    snprintf(name, sizeof(name), "teed-crew-%u", crew->started % 1000);
    pthread_setname_np(*thread, name);
    crew->started++;
    crew->alive++;
    return 0;
}

/* Start the workers; signals are for the other threads.  0 or -errno. */
int teed_crew_start(struct teed_crew *crew)
{
    sigset_t all, before;
    int failed = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&crew->lock);
    while (!failed && crew->started < crew->size + crew->spare)
        failed = start_one(crew);
    pthread_mutex_unlock(&crew->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -failed;
}

static bool all_are_gone(struct teed_crew *crew, const struct timespec *deadline)
{
    int late = 0;
    while (crew->alive && !late)
        late = pthread_cond_timedwait(&crew->changed, &crew->lock, deadline);
    return !crew->alive;
}

static void close_all(struct teed_crew *crew)
{
    int *fds[] = { &crew->epoll, &crew->bell, &crew->news };
    for (int i = 0; i < 3; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

/* End the workers; false when one is still inside the TEE after that time. */
bool teed_crew_stop(struct teed_crew *crew, unsigned milliseconds)
{
    struct timespec deadline;
    uint64_t until = teed_now_ns() + milliseconds * UINT64_C(1000000);
    deadline.tv_sec = (time_t)(until / 1000000000u);
    deadline.tv_nsec = (long)(until % 1000000000u);
    pthread_mutex_lock(&crew->lock);
    crew->stopping = true;
    eventfd_write(crew->bell, 1);
    bool gone = all_are_gone(crew, &deadline);
    pthread_mutex_unlock(&crew->lock);
    while (gone && crew->started)
        pthread_join(crew->threads[--crew->started], NULL);
    if (gone)
        close_all(crew);
    return gone;
}

/* A crew that did not stop is left alone. */
void teed_crew_free(struct teed_crew *crew)
{
    if (crew->started)
        return;
    close_all(crew);
    pthread_cond_destroy(&crew->changed);
    pthread_mutex_destroy(&crew->lock);
    free(crew->channels);
    free(crew->threads);
    free(crew);
}

uint64_t teed_crew_invocations(struct teed_crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    uint64_t invocations = crew->invocations;
    pthread_mutex_unlock(&crew->lock);
    return invocations;
}
