/* A line that is fair to owners: each is served in turn, however much it has put in.
 *
 * The first of each owner stands in the line, linked by other; the rest of the same owner
 * stands behind it, linked by next, and the first knows the last of them.  So nothing is
 * allocated, and a step is as long as owners wait. */
#include "core.h"

/* Where this owner's first is linked in, or would be. */
static struct teed_turn **lane_of(struct teed_turns *turns, uint64_t owner)
{
    struct teed_turn **lane = &turns->first;
    while (*lane && (*lane)->owner != owner)
        lane = &(*lane)->other;
    return lane;
}

/* The owner's next one steps forward, or nobody. */
static void drop_first(struct teed_turn **lane)
{
    struct teed_turn *gone = *lane, *next = gone->next;
    *lane = next ? next : gone->other;
    if (next) {
        next->other = gone->other;
        next->last = gone->last;
    }
}

static void move_to_end(struct teed_turn **lane)
{
    struct teed_turn *moved = *lane;
    if (!moved)
        return;
    *lane = moved->other;
    moved->other = NULL;
    while (*lane)
        lane = &(*lane)->other;
    *lane = moved;
}

void teed_turns_put(struct teed_turns *turns, struct teed_turn *turn)
{
    struct teed_turn **lane = lane_of(turns, turn->owner);
    turn->next = NULL;
    if (*lane) {
        (*lane)->last->next = turn;
        (*lane)->last = turn;
    } else {
        turn->other = NULL;
        turn->last = turn;
        *lane = turn;
    }
}

/* The next owner's first thing, or NULL.
 *
 * The owner goes to the end of the line only when the next is served: who has one thing at
 * a time, and comes back with it just then, would wait two turns otherwise. */
struct teed_turn *teed_turns_take(struct teed_turns *turns)
{
    if (!turns->first)
        return NULL;
    move_to_end(lane_of(turns, turns->served));
    struct teed_turn *turn = turns->first;
    drop_first(&turns->first);
    turns->served = turn->owner;
    return turn;
}

/* Take this one out of line; false when it is not in it. */
bool teed_turns_remove(struct teed_turns *turns, struct teed_turn *turn)
{
    struct teed_turn **lane = lane_of(turns, turn->owner), *before = *lane;
    if (before == turn) {
        drop_first(lane);
        return true;
    }
    while (before && before->next != turn)
        before = before->next;
    if (!before)
        return false;
    before->next = turn->next;
    if ((*lane)->last == turn)
        (*lane)->last = before;
    return true;
}
