/* An empty D-Bus call and its empty reply: through a bus, or over a socket of the two's own.
 *
 *   bus ADDRESS|peer CALLS
 *
 * The service is a child of ours. */
#include "repeat.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define NAME "bench.Service"
#define PATH "/bench/service"

static sd_bus *bus;
static const char *destination; /* none when there is only one at the other end */

static int must(int result, const char *what)
{
    if (result < 0) {
        errno = -result;
        die(what);
    }
    return result;
}

static int nothing(sd_bus_message *call, void *data, sd_bus_error *error)
{
    (void)data;
    (void)error;
    return sd_bus_reply_method_return(call, "");
}

static const sd_bus_vtable service[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Nothing", "", "", nothing, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static void connect_to(const char *address)
{
    must(sd_bus_new(&bus), "sd_bus_new");
    must(sd_bus_set_address(bus, address), address);
    must(sd_bus_set_bus_client(bus, 1), "sd_bus_set_bus_client");
    must(sd_bus_start(bus), address);
}

static void talk_over(int fd, bool as_server)
{
    must(sd_bus_new(&bus), "sd_bus_new");
    must(sd_bus_set_fd(bus, fd, fd), "sd_bus_set_fd");
    if (as_server)
        must(sd_bus_set_server(bus, 1, SD_ID128_NULL), "sd_bus_set_server");
    must(sd_bus_start(bus), "sd_bus_start");
}

/* Answer until the other side is gone. */
static void serve(void)
{
    must(sd_bus_add_object_vtable(bus, NULL, PATH, NAME, service, NULL), "the service");
    for (;;) {
        int did = sd_bus_process(bus, NULL);
        if (did < 0)
            _exit(0);
        if (did == 0)
            must(sd_bus_wait(bus, UINT64_MAX), "sd_bus_wait");
    }
}

static void be_the_service(const char *where, int fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (destination) {
        connect_to(where);
        must(sd_bus_request_name(bus, NAME, 0), "sd_bus_request_name");
        if (write(fd, "", 1) != 1)
            die("write");
    } else {
        talk_over(fd, true);
    }
    serve();
}

static void find_the_service(const char *where, int fd)
{
    char ready;
    if (!destination) {
        talk_over(fd, false);
    } else if (read(fd, &ready, 1) == 1) {
        connect_to(where);
    } else {
        fprintf(stderr, "the service did not start\n");
        exit(1);
    }
}

static void call(void)
{
    sd_bus_message *reply = NULL;
    must(sd_bus_call_method(bus, destination, PATH, NAME, "Nothing", NULL, &reply, ""),
         "sd_bus_call_method");
    sd_bus_message_unref(reply);
}

int main(int argc, char **argv)
{
    int ends[2];
    if (argc != 3)
        return 2;
    destination = strcmp(argv[1], "peer") ? NAME : NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        die("socketpair");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (!child) {
        close(ends[0]);
        be_the_service(argv[1], ends[1]);
    }
    close(ends[1]);
    find_the_service(argv[1], ends[0]);
    repeat(argv[2], call);
    kill(child, SIGKILL);
    return 0;
}
