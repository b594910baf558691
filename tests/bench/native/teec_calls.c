/* Calls through libteec.so.2: a client is a context, a channel is a session. */
#include "calls.h"
#include "measure.h"

#include <tee_client_api.h>

struct client {
    TEEC_Context context;
};

struct channel {
    TEEC_Session session;
};

static void check(const char *what, TEEC_Result result)
{
    if (result == TEEC_SUCCESS)
        return;
    fprintf(stderr, "%s: %#x\n", what, result);
    exit(1);
}

/* The path is the library's own business: TEED_SOCKET. */
struct client *client_open(const char *path)
{
    (void)path;
    struct client *client = calloc(1, sizeof(*client));
    if (!client)
        die("calloc");
    check("TEEC_InitializeContext", TEEC_InitializeContext(NULL, &client->context));
    return client;
}

struct channel *channel_open(struct client *client)
{
    const TEEC_UUID application = { 0x7465, 0x6564, 0, { 0 } };
    struct channel *channel = calloc(1, sizeof(*channel));
    if (!channel)
        die("calloc");
    check("TEEC_OpenSession",
          TEEC_OpenSession(&client->context, &channel->session, &application,
                           TEEC_LOGIN_PUBLIC, NULL, NULL, NULL));
    return channel;
}

void channel_call(struct channel *channel)
{
    TEEC_Operation operation = { 0 };
    uint32_t origin;
    check("TEEC_InvokeCommand",
          TEEC_InvokeCommand(&channel->session, 1, &operation, &origin));
}
