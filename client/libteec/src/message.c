/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages: see message.h. */
#include "message.h"

enum { REQUEST = 0, RESPONSE = 1, NOTIFICATION = 2 };

struct writer request_begin(uint8_t space[REQUEST_ROOM], uint32_t id, const char *method,
                            unsigned int count)
{
    struct writer writer = { .at = space, .end = space + REQUEST_ROOM };

    put_array(&writer, 4);
    put_number(&writer, REQUEST);
    put_number(&writer, id);
    put_text(&writer, method);
    put_array(&writer, count);
    return writer;
}

/* [code, origin, reason, text]; the words are for people who read the daemon's log. */
static struct outcome read_refusal(struct reader *reader)
{
    struct outcome outcome;

    if (get_array(reader) < 2)
        reader->broken = true;
    outcome.code = get_number32(reader);
    outcome.origin = get_number32(reader);
    if (outcome.code == TEEC_SUCCESS)
        reader->broken = true; /* no refusal at all */
    return outcome;
}

static void read_response(struct reader *reader, uint32_t *id, struct outcome *outcome)
{
    *id = get_number32(reader);
    *outcome = get_nil(reader) ? went_well() : read_refusal(reader);
}

static void read_goodbye(struct reader *reader, struct outcome *outcome)
{
    if (!get_word(reader, "goodbye"))
        reader->broken = true;
    *outcome = read_refusal(reader);
}

enum heard message_read(struct reader *reader, uint32_t *id, struct outcome *outcome)
{
    uint32_t fields = get_array(reader);
    uint32_t form = get_number32(reader);
    enum heard heard = HEARD_NONSENSE;

    if (fields == 4 && form == RESPONSE) {
        read_response(reader, id, outcome);
        heard = HEARD_RESPONSE;
    } else if (fields == 3 && form == NOTIFICATION) {
        read_goodbye(reader, outcome);
        heard = HEARD_GOODBYE;
    }
    return reader->broken ? HEARD_NONSENSE : heard;
}
