/* One client's buffers by the client's own numbers: checked, held, let go.
 *
 * The kernel checks shared memory ids against the open device, which all clients share here,
 * so that check is made in this table: a client reaches its own buffers and nothing else.
 * A buffer that a call uses is pinned; released meanwhile, its number is gone at once and
 * the buffer when the last such call lets go, by the hand of whoever let go.
 *
 * The table's lock guards the numbers and the pins.  It is held for no longer than that:
 * shadows are copied without it, since what is pinned stays where it is. */
#include "core.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "buffers.h"

#define MEMREF 5
#define INPUT 1
#define OUTPUT 2

struct teed_buffer {
    uint32_t number;
    uint64_t id, size;
    uint8_t *theirs, *ours;
    unsigned pins;
    bool released;
};

struct teed_buffers *teed_buffers_new(void *handle, bool null_allowed)
{
    struct teed_buffers *table = calloc(1, sizeof(*table));
    if (!table)
        return NULL;
    pthread_mutex_init(&table->lock, NULL);
    table->handle = handle;
    table->null_allowed = null_allowed;
    return table;
}

void teed_buffers_free(struct teed_buffers *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->list[i]);
    free(table->list);
    pthread_mutex_destroy(&table->lock);
    free(table);
}

static bool make_room_for_buffer(struct teed_buffers *table)
{
    if (table->count < table->room)
        return true;
    size_t room = table->room ? 2 * table->room : 8;
    struct teed_buffer **list = realloc(table->list, room * sizeof(*list));
    if (!list)
        return false;
    table->list = list;
    table->room = room;
    return true;
}

bool teed_buffers_add(struct teed_buffers *table, uint32_t number, uint64_t id, uint64_t size,
                      uint8_t *theirs, uint8_t *ours)
{
    struct teed_buffer *buffer = malloc(sizeof(*buffer));
    if (!buffer)
        return false;
    *buffer = (struct teed_buffer){
        .number = number, .id = id, .size = size, .theirs = theirs, .ours = ours
    };
    pthread_mutex_lock(&table->lock);
    bool added = make_room_for_buffer(table);
    if (added)
        table->list[table->count++] = buffer;
    pthread_mutex_unlock(&table->lock);
    if (!added)
        free(buffer);
    return added;
}

/* Where the number is in the list, or the list's end.  Numbers only grow, so it is in order. */
static size_t find(const struct teed_buffers *table, uint64_t number)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->list[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < table->count && table->list[low]->number == number ? low : table->count;
}

int teed_buffers_release(struct teed_buffers *table, uint64_t number)
{
    int outcome = TEED_UNKNOWN;
    pthread_mutex_lock(&table->lock);
    size_t place = find(table, number);
    if (place < table->count) {
        struct teed_buffer *buffer = table->list[place];
        table->count--;
        memmove(&table->list[place], &table->list[place + 1],
                (table->count - place) * sizeof(*table->list));
        buffer->released = true;
        outcome = buffer->pins ? TEED_STILL_PINNED : TEED_RELEASED;
        if (outcome == TEED_RELEASED)
            free(buffer);
    }
    pthread_mutex_unlock(&table->lock);
    return outcome;
}

/* The buffer that a reference means, NULL for one that means nothing, or a fault. */
static struct teed_buffer *referred(const struct teed_buffers *table,
                                    const struct tee_ioctl_param *param,
                                    struct teed_fault *fault)
{
    *fault = (struct teed_fault){ .offset = param->a, .size = param->b, .buffer = param->c };
    if (param->c == UINT64_MAX) {
        if (param->a || param->b || !table->null_allowed)
            fault->kind = TEED_BAD_NULL;
        return NULL;
    }
    size_t place = find(table, param->c);
    if (place == table->count) {
        fault->kind = TEED_NO_BUFFER;
        return NULL;
    }
    struct teed_buffer *buffer = table->list[place];
    fault->most = buffer->size;
    if (param->b > buffer->size || param->a > buffer->size - param->b)
        fault->kind = TEED_OUTSIDE;
    return buffer;
}

static bool look_up(const struct teed_buffers *table, struct teed_pins *pins,
                    struct teed_fault *fault)
{
    for (unsigned i = 0; i < pins->count; i++) {
        if (pins->asked[i].attr < MEMREF)
            continue;
        pins->held[i] = referred(table, &pins->asked[i], fault);
        if (fault->kind)
            return false;
    }
    return true;
}

bool teed_pin(struct teed_buffers *table, struct tee_ioctl_param *params, unsigned count,
              struct teed_pins *pins, struct teed_fault *fault)
{
    *fault = (struct teed_fault){ 0 };
    *pins = (struct teed_pins){ .count = count };
    memcpy(pins->asked, params, count * sizeof(*params));
    pthread_mutex_lock(&table->lock);
    bool sound = look_up(table, pins, fault);
    for (unsigned i = 0; sound && i < count; i++)
        if (pins->held[i])
            pins->held[i]->pins++;
    pthread_mutex_unlock(&table->lock);
    for (unsigned i = 0; sound && i < count; i++)
        if (pins->held[i])
            params[i].c = pins->held[i]->id;
    return sound;
}

static bool is_shadowed(const struct teed_pins *pins, unsigned i, unsigned direction)
{
    return pins->held[i] && pins->held[i]->theirs && pins->asked[i].attr & direction;
}

void teed_fill_shadows(const struct teed_pins *pins)
{
    for (unsigned i = 0; i < pins->count; i++) {
        const struct tee_ioctl_param *asked = &pins->asked[i];
        if (is_shadowed(pins, i, INPUT))
            memcpy(pins->held[i]->ours + asked->a, pins->held[i]->theirs + asked->a, asked->b);
    }
}

void teed_outputs(const struct teed_pins *pins, struct tee_ioctl_param *got)
{
    for (unsigned i = 0; i < pins->count; i++) {
        const struct tee_ioctl_param *asked = &pins->asked[i];
        uint64_t size = got[i].b;
        /* Not where the TEE wanted more than there was. */
        if (is_shadowed(pins, i, OUTPUT) && size <= asked->b)
            memcpy(pins->held[i]->theirs + asked->a, pins->held[i]->ours + asked->a, size);
        if (asked->attr >= MEMREF) {
            got[i] = *asked;
            got[i].b = size;
        }
    }
}

unsigned teed_unpin(struct teed_buffers *table, const struct teed_pins *pins, uint32_t over[4])
{
    unsigned count = 0;
    pthread_mutex_lock(&table->lock);
    for (unsigned i = 0; i < pins->count; i++) {
        struct teed_buffer *buffer = pins->held[i];
        if (!buffer || --buffer->pins || !buffer->released)
            continue;
        over[count++] = buffer->number;
        free(buffer);
    }
    pthread_mutex_unlock(&table->lock);
    return count;
}
