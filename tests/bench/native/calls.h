/* A client that makes calls; each of *_calls.c is one way to make them.
 *
 * The programs that measure are linked with one of them, so that the load is the same
 * whatever is measured.  Whatever fails here ends the program. */
#pragma once

struct client;
struct channel;

/* Connect; one of the program's clients. */
struct client *client_open(const char *path);

/* A channel of that client, for one thread at a time. */
struct channel *channel_open(struct client *client);

/* An empty call, from the request to the answer. */
void channel_call(struct channel *channel);
