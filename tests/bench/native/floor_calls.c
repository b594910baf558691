/* Calls to the floor's server: a channel is a connection. */
#include "calls.h"
#include "floor.h"
#include "measure.h"

#include <sys/socket.h>
#include <sys/un.h>

struct client {
    struct sockaddr_un address;
};

struct channel {
    int fd;
};

struct client *client_open(const char *path)
{
    struct client *client = calloc(1, sizeof(*client));
    if (!client)
        die("calloc");
    client->address.sun_family = AF_UNIX;
    snprintf(client->address.sun_path, sizeof(client->address.sun_path), "%s", path);
    return client;
}

struct channel *channel_open(struct client *client)
{
    struct channel *channel = malloc(sizeof(*channel));
    if (!channel)
        die("malloc");
    channel->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (channel->fd < 0 ||
        connect(channel->fd, (struct sockaddr *)&client->address, sizeof(client->address)))
        die(client->address.sun_path);
    return channel;
}

void channel_call(struct channel *channel)
{
    char request[REQUEST] = { 0 }, reply[4096];
    if (send(channel->fd, request, sizeof(request), MSG_NOSIGNAL) != sizeof(request))
        die("send");
    if (recv(channel->fd, reply, sizeof(reply), 0) != REPLY)
        die("recv");
}
