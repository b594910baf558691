/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests: see requests.h. */
#define _GNU_SOURCE
#include "requests.h"

#include <errno.h>

#include "descriptors.h"

enum { PROTOCOL_VERSION = 1 };

/* Send what was written of the request, and wait; no answer to it carries a descriptor. */
static struct outcome ask(struct connection *connection, struct exchange *exchange,
                          const uint8_t *request, const struct writer *end)
{
    struct outcome outcome;

    exchange_send(connection, exchange, request, end, -1);
    outcome = exchange_wait(connection, exchange);
    packet_drop_fd(&exchange->answer);
    return outcome;
}

/* This program's name; a name is UTF-8, and a program's may be anything. */
static void put_program(struct writer *writer)
{
    char name[64];
    size_t i;

    for (i = 0; i < sizeof(name) - 1 && program_invocation_short_name[i]; i++) {
        char c = program_invocation_short_name[i];

        name[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    name[i] = '\0';
    put_text(writer, name);
}

struct outcome request_hello(struct connection *connection, struct welcome *welcome)
{
    struct exchange exchange;
    uint8_t space[REQUEST_ROOM];
    struct reader *result = &exchange.result;
    struct outcome outcome;
    struct writer writer;

    exchange_begin(connection, &exchange, false);
    writer = request_begin(space, exchange.id, "hello", 2);
    put_array(&writer, 1);
    put_number(&writer, PROTOCOL_VERSION);
    put_program(&writer);
    outcome = ask(connection, &exchange, space, &writer);
    if (failed(outcome))
        return outcome;
    if (get_array(result) < 7 || get_number(result) != PROTOCOL_VERSION)
        return lost();
    skip_text(result);
    skip_text(result);
    welcome->impl_id = get_number32(result);
    welcome->impl_caps = get_number32(result);
    welcome->gen_caps = get_number32(result);
    welcome->arena = get_number(result);
    return result->broken ? lost() : outcome;
}

static struct outcome ask_for_memory(struct connection *connection, const char *method,
                                     uint64_t size, int memfd, struct shared *shared)
{
    struct exchange exchange;
    uint8_t space[REQUEST_ROOM];
    struct outcome outcome;
    struct writer writer;

    exchange_begin(connection, &exchange, false);
    writer = request_begin(space, exchange.id, method, 1);
    put_number(&writer, size);
    exchange_send(connection, &exchange, space, &writer, memfd);
    outcome = exchange_wait(connection, &exchange);
    shared->fd = packet_take_fd(&exchange.answer);
    if (failed(outcome))
        return outcome;
    if (get_array(&exchange.result) < 2)
        return lost();
    shared->number = get_number32(&exchange.result);
    shared->size = get_number(&exchange.result);
    if (exchange.result.broken || shared->size < size)
        return lost();
    return outcome;
}

struct outcome request_allocate(struct connection *connection, uint64_t size,
                                struct shared *shared)
{
    return ask_for_memory(connection, "allocate", size, -1, shared);
}

struct outcome request_register(struct connection *connection, int memfd, uint64_t size,
                                struct shared *shared)
{
    struct outcome outcome = ask_for_memory(connection, "register", size, memfd, shared);

    descriptor_close(shared->fd); /* nobody asked for one */
    shared->fd = -1;
    return outcome;
}

/* For requests about one number, whose answer tells nothing. */
static void ask_about(struct connection *connection, const char *method, uint32_t number)
{
    struct exchange exchange;
    uint8_t space[REQUEST_ROOM];
    struct writer writer;

    exchange_begin(connection, &exchange, false);
    writer = request_begin(space, exchange.id, method, 1);
    put_number(&writer, number);
    ask(connection, &exchange, space, &writer);
}

void request_release(struct connection *connection, uint32_t number)
{
    ask_about(connection, "release", number);
}

void request_close(struct connection *connection, uint32_t session)
{
    ask_about(connection, "close", session);
}

void request_open(struct connection *connection, struct exchange *exchange,
                  const struct opening *opening, const struct parameters *parameters)
{
    uint8_t space[REQUEST_ROOM];
    struct writer writer;

    exchange_begin(connection, exchange, false);
    writer = request_begin(space, exchange->id, "open", 4);
    put_octets(&writer, opening->uuid, sizeof(opening->uuid));
    put_number(&writer, opening->login);
    if (opening->has_group)
        put_number(&writer, opening->group);
    else
        put_nil(&writer);
    put_parameters(&writer, parameters);
    exchange_send(connection, exchange, space, &writer, -1);
}

struct outcome request_opened(struct connection *connection, struct exchange *exchange,
                              struct parameters *parameters, struct opened *opened)
{
    struct outcome outcome = exchange_wait(connection, exchange);
    struct reader *result = &exchange->result;

    opened->channel = packet_take_fd(&exchange->answer);
    if (failed(outcome))
        return outcome;
    if (get_array(result) < 4)
        return lost();
    opened->answer.code = get_number32(result);
    opened->answer.origin = get_number32(result);
    get_parameters(result, parameters);
    opened->session = failed(opened->answer) ? 0 : get_number32(result);
    return result->broken ? lost() : outcome;
}

void request_cancel(struct connection *connection, uint64_t session, uint32_t request)
{
    struct exchange exchange;
    uint8_t space[REQUEST_ROOM];
    struct writer writer;

    exchange_begin(connection, &exchange, true);
    writer = request_begin(space, exchange.id, "cancel", 2);
    if (session == NO_SESSION)
        put_nil(&writer);
    else
        put_number(&writer, session);
    put_number(&writer, request);
    ask(connection, &exchange, space, &writer);
}

void put_parameters(struct writer *writer, const struct parameters *parameters)
{
    put_array(writer, parameters->count);
    for (unsigned int i = 0; i < parameters->count; i++) {
        const struct parameter *parameter = &parameters->at[i];

        put_array(writer, 4);
        put_number(writer, parameter->attr);
        put_number(writer, parameter->a);
        put_number(writer, parameter->b);
        put_number(writer, parameter->c);
    }
}

void get_parameters(struct reader *reader, struct parameters *parameters)
{
    if (get_array(reader) != parameters->count)
        reader->broken = true;
    for (unsigned int i = 0; i < parameters->count && !reader->broken; i++) {
        struct parameter *parameter = &parameters->at[i];

        if (get_array(reader) != 4 || get_number(reader) != parameter->attr)
            reader->broken = true;
        parameter->a = get_number(reader);
        parameter->b = get_number(reader);
        get_number(reader);
    }
}
