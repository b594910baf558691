/* A bus of dbus-broker's that listens at PATH and lets everybody do everything.
 *
 *   broker_controller PATH
 *
 * The broker itself opens nothing: whoever starts it hands it a listening socket and the rules,
 * over a connection of the two's own, see "CONTROLLER" in dbus-broker(1).  Its own launcher
 * does so too, but not without systemd's journal.  This process becomes the broker; the child
 * is its controller, and each ends when the other does. */
#include "measure.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

/* What one user may do: connect, and lists of which names to own, what to send and receive.
 * Then the rules by user, by group, for SELinux, whether AppArmor rules, and the bus's type. */
#define EACH "bta(btbs)a(btssssuutt)a(btssssuutt)"
#define RULES "(a(u(" EACH "))a(buu(" EACH "))a(ss)bs)"

#define ANYBODY UINT32_MAX
#define ALLOWED 1, UINT64_C(1) /* and how much that weighs */
#define ANY_NAME ALLOWED, 1, "" /* that begins with nothing */
#define ANYTHING ALLOWED, "", "", "", "", 0, 0, UINT64_C(0), UINT64_MAX /* descriptors */

static int must(int result, const char *what)
{
    if (result < 0) {
        errno = -result;
        die(what);
    }
    return result;
}

static int listen_at(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
        listen(fd, SOMAXCONN))
        die(path);
    return fd;
}

static void add_listener(sd_bus *broker, int fd)
{
    sd_bus_message *call;
    must(sd_bus_message_new_method_call(broker, &call, NULL, "/org/bus1/DBus/Broker",
                                        "org.bus1.DBus.Broker", "AddListener"),
         "AddListener");
    must(sd_bus_message_append(call, "ohv", "/org/bus1/DBus/Listener/0", fd, RULES,
                               1, ANYBODY, ALLOWED, 1, ANY_NAME, 1, ANYTHING, 1, ANYTHING,
                               0, 0, 0, "session"),
         "the rules");
    must(sd_bus_call(broker, call, 0, NULL, NULL), "AddListener");
    sd_bus_message_unref(call);
}

static void control(int fd, int door)
{
    sd_bus *broker;
    must(sd_bus_new(&broker), "sd_bus_new");
    must(sd_bus_set_fd(broker, fd, fd), "sd_bus_set_fd");
    must(sd_bus_start(broker), "sd_bus_start");
    add_listener(broker, door);
    fprintf(stderr, "listening\n");
    for (;;) {
        int did = sd_bus_process(broker, NULL);
        if (did < 0)
            exit(0);
        if (did == 0)
            must(sd_bus_wait(broker, UINT64_MAX), "sd_bus_wait");
    }
}

static void become_broker(int fd)
{
    char number_of_fd[12];
    snprintf(number_of_fd, sizeof(number_of_fd), "%d", dup(fd)); /* which outlives exec */
    execlp("dbus-broker", "dbus-broker", "--controller", number_of_fd, "--machine-id",
           "00000000000000000000000000000001", NULL);
    die("dbus-broker");
}

int main(int argc, char **argv)
{
    int ends[2];
    if (argc != 2)
        return 2;
    int door = listen_at(argv[1]);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
        die("socketpair");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    close(ends[child ? 0 : 1]);
    if (!child)
        control(ends[0], door);
    become_broker(ends[1]);
}
