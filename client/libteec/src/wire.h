/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of msgpack that teed's messages are made of: arrays, unsigned numbers, nil, text
 * and octets.  No I/O and no allocation.
 *
 * Both sides are sticky: a writer that runs out of room, a reader that meets something else
 * than it was asked for or the end of its bytes, is `broken` and stays so, and whoever uses
 * it asks once at the end.  A broken reader answers 0.
 */
#ifndef LIBTEEC_WIRE_H
#define LIBTEEC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer {
    uint8_t *at;
    uint8_t *end;
    bool broken;
};

void put_array(struct writer *writer, unsigned int count); /* at most 15 */
void put_number(struct writer *writer, uint64_t number);
void put_nil(struct writer *writer);
void put_text(struct writer *writer, const char *text);
void put_octets(struct writer *writer, const uint8_t *octets, uint8_t count);

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool broken;
};

uint32_t get_array(struct reader *reader);
uint64_t get_number(struct reader *reader);
uint32_t get_number32(struct reader *reader);
bool get_nil(struct reader *reader); /* whether there is one; anything else stays unread */
void skip_text(struct reader *reader);
bool get_word(struct reader *reader, const char *word); /* whether the text is this one */

#endif
