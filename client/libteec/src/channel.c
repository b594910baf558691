/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands: see channel.h. */
#include "channel.h"

#include <sys/socket.h>

/* [result, origin, parameters], or why there is none. */
static struct outcome read_answer(struct packet *packet, uint32_t request,
                                  struct parameters *parameters, struct outcome *answer)
{
    struct reader reader = { .at = packet->bytes, .end = packet->bytes + packet->size };
    struct outcome outcome;
    uint32_t id;

    switch (message_read(&reader, &id, &outcome)) {
    case HEARD_GOODBYE:
        return outcome;
    case HEARD_NONSENSE:
        return lost();
    case HEARD_RESPONSE:
        break;
    }
    if (id != request)
        return lost();
    if (failed(outcome))
        return outcome;
    if (get_array(&reader) < 3)
        return lost();
    answer->code = get_number32(&reader);
    answer->origin = get_number32(&reader);
    get_parameters(&reader, parameters);
    return reader.broken ? lost() : outcome;
}

struct outcome channel_invoke(struct call *call, uint32_t command,
                              struct parameters *parameters, struct outcome *answer)
{
    struct session *session = call->session;
    uint32_t request = ++session->last_request;
    uint8_t space[REQUEST_ROOM];
    struct writer writer = request_begin(space, request, "invoke", 2);
    struct packet packet;
    struct outcome outcome = lost();

    put_number(&writer, command);
    put_parameters(&writer, parameters);
    if (call_is_cancelled(call))
        return withdrawn();
    if (!packet_send(session->channel, space, (size_t)(writer.at - space), -1))
        return lost();
    call_sent(call, request);
    if (packet_receive_bare(session->channel, &packet))
        outcome = read_answer(&packet, request, parameters, answer);
    if (outcome.code == TEEC_ERROR_COMMUNICATION)
        shutdown(session->channel, SHUT_RDWR); /* out of step: nobody hears it again */
    return outcome;
}
