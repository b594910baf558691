/* SPDX-License-Identifier: BSD-2-Clause */
/* msgpack: see wire.h. */
#include "wire.h"

#include <string.h>

enum {
    POSITIVE_FIXINT_MAX = 0x7f,
    FIXARRAY = 0x90,
    FIXSTR = 0xa0,
    NIL = 0xc0,
    BIN8 = 0xc4,
    UINT8 = 0xcc, /* followed by UINT16, UINT32, UINT64 */
    UINT64 = 0xcf,
    INT8 = 0xd0, /* followed by INT16, INT32, INT64 */
    INT64 = 0xd3,
    STR8 = 0xd9,
    STR16 = 0xda,
    STR32 = 0xdb,
    ARRAY16 = 0xdc,
    ARRAY32 = 0xdd,
};

static void put(struct writer *writer, const void *bytes, size_t count)
{
    if (writer->broken || count > (size_t)(writer->end - writer->at)) {
        writer->broken = true;
        return;
    }
    memcpy(writer->at, bytes, count);
    writer->at += count;
}

static void put_byte(struct writer *writer, unsigned int byte)
{
    put(writer, &(uint8_t){ (uint8_t)byte }, 1);
}

void put_array(struct writer *writer, unsigned int count)
{
    put_byte(writer, FIXARRAY | count);
}

void put_number(struct writer *writer, uint64_t number)
{
    unsigned int form = 0; /* 2^form bytes follow */
    uint8_t bytes[1 + sizeof(number)];
    unsigned int count;

    if (number <= POSITIVE_FIXINT_MAX) {
        put_byte(writer, (unsigned int)number);
        return;
    }
    while (form < 3 && number >> (8 << form))
        form++;
    count = 1u << form;
    bytes[0] = (uint8_t)(UINT8 + form);
    for (unsigned int i = count; i > 0; i--, number >>= 8)
        bytes[i] = (uint8_t)number;
    put(writer, bytes, 1 + count);
}

void put_nil(struct writer *writer)
{
    put_byte(writer, NIL);
}

void put_text(struct writer *writer, const char *text)
{
    size_t length = strlen(text);

    if (length > UINT8_MAX) {
        writer->broken = true;
        return;
    }
    if (length < 32) {
        put_byte(writer, FIXSTR | (unsigned int)length);
    } else {
        put_byte(writer, STR8);
        put_byte(writer, (unsigned int)length);
    }
    put(writer, text, length);
}

void put_octets(struct writer *writer, const uint8_t *octets, uint8_t count)
{
    put_byte(writer, BIN8);
    put_byte(writer, count);
    put(writer, octets, count);
}

/* The next *count* bytes, or NULL. */
static const uint8_t *take(struct reader *reader, size_t count)
{
    const uint8_t *bytes = reader->at;

    if (reader->broken || count > (size_t)(reader->end - reader->at)) {
        reader->broken = true;
        return NULL;
    }
    reader->at += count;
    return bytes;
}

/* A number of *count* bytes, most significant first. */
static uint64_t take_number(struct reader *reader, size_t count)
{
    const uint8_t *bytes = take(reader, count);
    uint64_t number = 0;

    for (size_t i = 0; bytes && i < count; i++)
        number = number << 8 | bytes[i];
    return number;
}

static uint8_t take_byte(struct reader *reader)
{
    return (uint8_t)take_number(reader, 1);
}

static uint64_t broken(struct reader *reader)
{
    reader->broken = true;
    return 0;
}

uint32_t get_array(struct reader *reader)
{
    uint8_t kind = take_byte(reader);

    if ((kind & 0xf0) == FIXARRAY)
        return kind & 0x0f;
    if (kind == ARRAY16)
        return (uint32_t)take_number(reader, 2);
    if (kind == ARRAY32)
        return (uint32_t)take_number(reader, 4);
    return (uint32_t)broken(reader);
}

uint64_t get_number(struct reader *reader)
{
    uint8_t kind = take_byte(reader);
    uint64_t number;

    if (kind <= POSITIVE_FIXINT_MAX)
        return kind;
    if (kind >= UINT8 && kind <= UINT64)
        return take_number(reader, 1u << (kind - UINT8));
    if (kind < INT8 || kind > INT64)
        return broken(reader);
    number = take_number(reader, 1u << (kind - INT8));
    if (number >> ((8u << (kind - INT8)) - 1))
        return broken(reader); /* negative */
    return number;
}

uint32_t get_number32(struct reader *reader)
{
    uint64_t number = get_number(reader);

    return number > UINT32_MAX ? (uint32_t)broken(reader) : (uint32_t)number;
}

bool get_nil(struct reader *reader)
{
    if (reader->broken || reader->at == reader->end || *reader->at != NIL)
        return false;
    reader->at++;
    return true;
}

static const uint8_t *get_text(struct reader *reader, size_t *length)
{
    uint8_t kind = take_byte(reader);

    if ((kind & 0xe0) == FIXSTR)
        *length = kind & 0x1f;
    else if (kind == STR8 || kind == STR16 || kind == STR32)
        *length = take_number(reader, 1u << (kind - STR8));
    else
        *length = broken(reader);
    return take(reader, *length);
}

void skip_text(struct reader *reader)
{
    size_t length;

    get_text(reader, &length);
}

bool get_word(struct reader *reader, const char *word)
{
    size_t length;
    const uint8_t *text = get_text(reader, &length);

    return text && length == strlen(word) && memcmp(text, word, length) == 0;
}
