/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The library's codec by itself.  "put": for each number on stdin, a request that has it in
 * its params, as hex.  "hear": for each packet on stdin (hex, a line each) what it is.
 */
#include <inttypes.h>

#include "../../../client/libteec/src/message.h"
#include "check.h"

static void put(void)
{
    uint8_t space[REQUEST_ROOM];
    uint64_t number;

    while (scanf("%" SCNu64, &number) == 1) {
        struct writer writer = request_begin(space, (uint32_t)number, "a-method", 4);

        put_number(&writer, number);
        put_nil(&writer);
        put_octets(&writer, (uint8_t *)&number, 8);
        put_text(&writer, "a text of more than thirty-one characters");
        CHECK(!writer.broken);
        for (uint8_t *at = space; at < writer.at; at++)
            printf("%02x", *at);
        printf("\n");
    }
}

/* In a buffer of exactly its size, so that a sanitizer sees who reads beyond it. */
static void hear_one(const char *hex)
{
    size_t size = strlen(hex) / 2;
    uint8_t *packet = malloc(size ? size : 1);
    struct reader reader = { packet, packet + size, false };
    struct outcome outcome;
    uint32_t id;

    for (size_t i = 0; i < size; i++)
        CHECK(sscanf(hex + 2 * i, "%2hhx", &packet[i]) == 1);
    switch (message_read(&reader, &id, &outcome)) {
    case HEARD_RESPONSE:
        printf("response %u %u %u\n", id, outcome.code, outcome.origin);
        break;
    case HEARD_GOODBYE:
        printf("goodbye %u %u\n", outcome.code, outcome.origin);
        break;
    case HEARD_NONSENSE:
        printf("nonsense\n");
        break;
    }
    free(packet);
}

static void hear(void)
{
    static char line[100000];

    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        hear_one(line);
    }
}

/* A writer that has no room says so and writes nothing beyond its end. */
static void overflow(void)
{
    for (size_t room = 0; room < 40; room++) {
        uint8_t *space = malloc(room ? room : 1);
        struct writer writer = { space, space + room, false };

        put_array(&writer, 3);
        put_number(&writer, UINT64_MAX);
        put_text(&writer, "twelve bytes");
        put_octets(&writer, (const uint8_t *)"eight by", 8);
        CHECK(writer.broken == (room < 1 + 9 + 13 + 10));
        free(space);
    }
}

int main(int count, char **arguments)
{
    use_names();
    CHECK(count == 2);
    if (strcmp(arguments[1], "put") == 0)
        put();
    else if (strcmp(arguments[1], "hear") == 0)
        hear();
    else
        overflow();
    return 0;
}
