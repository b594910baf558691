/* What the core shows to the control plane, to tests and to itself.
 *
 * cffi reads this file as well as the compiler does, so it is plain declarations. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../driver/call.h"

/* -- message.c: the two messages of the plain path, from and to bytes -------------------- */

#define TEED_MAX_MESSAGE 65536

/* No invocation is longer, whatever widths its numbers have, and no answer to one. */
#define TEED_MAX_INVOKE 256

/* Read an invocation into func, cancel_id and the parameters; false when it is anything
 * else, sound or not, which is then for Python to judge. */
bool teed_decode(const uint8_t *body, size_t size, struct teed_invoke *call);

/* Write the answer to a call; its size. */
size_t teed_encode(const struct teed_invoke *call, uint8_t *body);

/* -- turns.c: a line that is fair to owners ----------------------------------------------- */

/* A place in a line; what waits has one in it.  The pointers are the line's business. */
struct teed_turn {
    uint64_t owner;
    struct teed_turn *next;
    struct teed_turn *last;
    struct teed_turn *other;
};

struct teed_turns {
    struct teed_turn *first;
    uint64_t served;
};

void teed_turns_put(struct teed_turns *turns, struct teed_turn *turn);
struct teed_turn *teed_turns_take(struct teed_turns *turns);
bool teed_turns_remove(struct teed_turns *turns, struct teed_turn *turn);

/* -- brief.c: which commands are known to be brief ---------------------------------------- */

#define TEED_BRIEF_RUNS 8
#define TEED_RECORDS 1024

struct teed_record {
    uint8_t application[16];
    uint32_t command;
    uint8_t streak;
};

struct teed_records {
    uint64_t brief_ns;
    struct teed_record record[TEED_RECORDS];
};

uint8_t teed_streak(uint8_t streak, bool was_brief);
bool teed_is_brief(const struct teed_records *records, const uint8_t *application,
                   uint32_t command);
void teed_note(struct teed_records *records, const uint8_t *application, uint32_t command,
               uint64_t took_ns);

/* -- buffers.c: one client's buffers by the client's numbers ------------------------------ */

struct teed_buffers;
struct teed_buffer;

/* Why a call does not reach the TEE. */
#define TEED_CANCELLED 1
#define TEED_NO_BUFFER 2
#define TEED_OUTSIDE 3
#define TEED_BAD_NULL 4
#define TEED_DRIVER 5

struct teed_fault {
    int kind;
    int error;
    uint64_t offset, size, buffer, most;
};

/* A call's memory references as the client wrote them, and the buffers that they hold. */
struct teed_pins {
    unsigned count;
    struct tee_ioctl_param asked[4];
    struct teed_buffer *held[4];
};

struct teed_buffers *teed_buffers_new(void *handle, bool null_allowed);
void teed_buffers_free(struct teed_buffers *table);

/* Add a buffer, whose number is above all before it; false when there is no memory.  A
 * shadowed one has the client's bytes at theirs and the TEE's at ours. */
bool teed_buffers_add(struct teed_buffers *table, uint32_t number, uint64_t id, uint64_t size,
                      uint8_t *theirs, uint8_t *ours);

#define TEED_RELEASED 0
#define TEED_STILL_PINNED 1
#define TEED_UNKNOWN 2
int teed_buffers_release(struct teed_buffers *table, uint64_t number);

/* Check every reference and hold its buffer, or none and say what is wrong.  References
 * leave with the TEE's ids in place of the client's numbers. */
bool teed_pin(struct teed_buffers *table, struct tee_ioctl_param *params, unsigned count,
              struct teed_pins *pins, struct teed_fault *fault);

/* Copy in what the TEE will read of shadowed buffers. */
void teed_fill_shadows(const struct teed_pins *pins);

/* Copy out what it wrote there, and make of the TEE's parameters the client's. */
void teed_outputs(const struct teed_pins *pins, struct tee_ioctl_param *got);

/* Let go.  The numbers of those that were released meanwhile, and are the caller's to
 * destroy, are in over; how many they are. */
unsigned teed_unpin(struct teed_buffers *table, const struct teed_pins *pins, uint32_t over[4]);

/* -- crew.c, lines.c, serve.c, desk.c: the crew ------------------------------------------- */

struct teed_crew;
struct teed_channel;


/* What the core asks of others.  Only invoke is on the plain path.  The handles are Python's
 * and mean nothing here: of the crew, of a channel, of a table of buffers, of an errand. */
struct teed_ops {
    int (*invoke)(void *context, struct teed_invoke *call);
    void *context;
    size_t (*refuse)(void *crew, uint32_t request, const struct teed_fault *why,
                     uint8_t *answer);
    size_t (*judge)(void *crew, void *channel, size_t size, int64_t unwanted, uint8_t *body);
    void (*destroy)(void *crew, void *table, uint32_t number);
    void (*run)(void *crew, void *errand);
    void *crew;
};

/* A session as the crew sees it: one call is in it, the others wait at its door. */
struct teed_room {
    uint32_t session;
    uint8_t application[16];
    bool dead;
    unsigned cancelling;
    struct teed_channel *inside;
    struct teed_turns waiting;
};

/* What can stand in line: a channel with a request in it, or an errand. */
struct teed_work {
    struct teed_turn turn;
    void *handle;
    bool is_errand;
};

/* Where a channel is: one place at a time. */
#define TEED_IDLE 0
#define TEED_READY 1
#define TEED_PARKED 2
#define TEED_PATIENT 3
#define TEED_BUSY 4

/* Why a channel is lost. */
#define TEED_HUNG_UP 1
#define TEED_UNREAD 2
#define TEED_MALFORMED 3
#define TEED_SENT_RIGHTS 4

/* The daemon's end of a session channel, and where it stands. */
struct teed_channel {
    struct teed_work work;
    int fd;
    struct teed_room *room;
    struct teed_buffers *buffers;
    int place;
    int lost;
    bool retired;
    bool reading;
    bool running;
    bool answering;
    bool answered;
    bool may_be_long;
    uint32_t request;
    int64_t unwanted;
    struct teed_rights *rights;
    int news;
    struct teed_channel *next_news;
};

/* Size calls that may be long run at once, and spare more that are known to be brief, which
 * means that they take so many nanoseconds at the most. */
struct teed_crew *teed_crew_new(const struct teed_ops *ops, unsigned size, unsigned spare,
                                uint64_t brief_ns);
int teed_crew_start(struct teed_crew *crew);
bool teed_crew_stop(struct teed_crew *crew, unsigned milliseconds);
void teed_crew_free(struct teed_crew *crew);
uint64_t teed_crew_invocations(struct teed_crew *crew);

/* The two ends of a new channel; 0 or -errno. */
int teed_pair(int fds[2]);
int teed_enlist(struct teed_crew *crew, struct teed_channel *channel);
#define TEED_NO_REQUEST -1
#define TEED_IS_IDLE -2
int64_t teed_retire(struct teed_crew *crew, struct teed_channel *channel);
void teed_submit(struct teed_crew *crew, struct teed_work *errand);
bool teed_withdraw(struct teed_crew *crew, struct teed_work *errand);
bool teed_withdraw_request(struct teed_crew *crew, struct teed_channel *channel,
                           uint32_t request, const uint8_t *refusal, size_t size);
int64_t teed_hold(struct teed_crew *crew, struct teed_channel *channel, uint32_t request);
void teed_let_go(struct teed_crew *crew, struct teed_channel *channel);

/* Where a test may look in: between the socket and the TEE, and before the answer. */
#define TEED_HAS_READ 0
#define TEED_WILL_SEND 1
void teed_probe(struct teed_crew *crew, void (*probe)(void *crew, int moment));

/* News for the event loop: its descriptor, and the next handle that something became of. */
#define TEED_NEWS_LOST 1
#define TEED_NEWS_IDLE 2
#define TEED_MOST_FDS 253 /* SCM_MAX_FD of Linux */
size_t teed_take_rights(struct teed_crew *crew, struct teed_channel *channel, int *fds);
int teed_news_fd(struct teed_crew *crew);
void *teed_hear(struct teed_crew *crew, int *what);

/* -- noop.c: an invocation that reaches nothing, for benchmarks --------------------------- */

int teed_noop(void *microseconds, struct teed_invoke *call);
