"""Compiles ``teed.driver._linux``: the kernel's TEE ioctls, through cffi in API mode.

The structures follow the kernel's ``include/uapi/linux/tee.h`` but are declared here, so
that teed builds with kernel headers of any age, or none.  A test compares the two.
"""

from pathlib import Path

from cffi import FFI

CALL = (Path(__file__).parent / "call.h").read_text().replace("#pragma once\n", "")

STRUCTURES = (
    CALL
    + """
struct tee_ioctl_version_data { uint32_t impl_id, impl_caps, gen_caps; };
struct tee_ioctl_shm_alloc_data { uint64_t size; uint32_t flags; int32_t id; };
struct tee_ioctl_shm_register_data {
    uint64_t addr, length;
    uint32_t flags;
    int32_t id;
};
struct tee_ioctl_buf_data { uint64_t buf_ptr, buf_len; };
struct tee_ioctl_open_session_arg {
    uint8_t uuid[16];
    uint8_t clnt_uuid[16];
    uint32_t clnt_login, cancel_id, session, ret, ret_origin, num_params;
};
struct tee_ioctl_cancel_arg { uint32_t cancel_id, session; };
struct tee_ioctl_close_session_arg { uint32_t session; };

/* It too ends in parameters, with room for as many as GlobalPlatform has. */
struct teed_open_session {
    struct tee_ioctl_open_session_arg arg;
    struct tee_ioctl_param params[4];
};
"""
)

CDEF = (
    STRUCTURES
    + """
#define TEE_IOC_VERSION ...
#define TEE_IOC_SHM_ALLOC ...
#define TEE_IOC_OPEN_SESSION ...
#define TEE_IOC_INVOKE ...
#define TEE_IOC_CANCEL ...
#define TEE_IOC_CLOSE_SESSION ...
#define TEE_IOC_SHM_REGISTER ...

int teed_ioctl(int fd, unsigned long request, void *argument);
int teed_invoke_at(void *fd, struct teed_invoke *call);
int teed_ioctl_as(uint32_t uid, uint32_t gid, size_t count, const uint32_t *groups,
                  int fd, unsigned long request, void *argument);
"""
)

SOURCE = (
    """
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
"""
    + STRUCTURES
    + """
#define TEE_IOC_VERSION       _IOR(0xa4, 0, struct tee_ioctl_version_data)
#define TEE_IOC_SHM_ALLOC     _IOWR(0xa4, 1, struct tee_ioctl_shm_alloc_data)
#define TEE_IOC_OPEN_SESSION  _IOR(0xa4, 2, struct tee_ioctl_buf_data)
#define TEE_IOC_INVOKE        _IOR(0xa4, 3, struct tee_ioctl_buf_data)
#define TEE_IOC_CANCEL        _IOR(0xa4, 4, struct tee_ioctl_cancel_arg)
#define TEE_IOC_CLOSE_SESSION _IOR(0xa4, 5, struct tee_ioctl_close_session_arg)
#define TEE_IOC_SHM_REGISTER  _IOWR(0xa4, 9, struct tee_ioctl_shm_register_data)

/* The calls with 32-bit ids; 32-bit machines have older ones beside them. */
#ifdef SYS_setresuid32
#define SET_EUID(uid)        syscall(SYS_setresuid32, -1, uid, -1)
#define SET_EGID(gid)        syscall(SYS_setresgid32, -1, gid, -1)
#define SET_GROUPS(n, list)  syscall(SYS_setgroups32, n, list)
#else
#define SET_EUID(uid)        syscall(SYS_setresuid, -1, uid, -1)
#define SET_EGID(gid)        syscall(SYS_setresgid, -1, gid, -1)
#define SET_GROUPS(n, list)  syscall(SYS_setgroups, n, list)
#endif

/* ioctl() with a fixed prototype; a failure comes back as -errno. */
static int teed_ioctl(int fd, unsigned long request, void *argument)
{
    int result = ioctl(fd, request, argument);
    return result < 0 ? -errno : result;
}

/* TEE_IOC_INVOKE as the data plane calls it: no Python on the way. */
static int teed_invoke_at(void *fd, struct teed_invoke *call)
{
    size_t length = sizeof(call->arg) + call->arg.num_params * sizeof(call->params[0]);
    struct tee_ioctl_buf_data data = { (uintptr_t)call, length };
    return teed_ioctl((int)(intptr_t)fd, TEE_IOC_INVOKE, &data);
}

struct errand {
    uint32_t uid, gid;
    size_t count;
    const uint32_t *groups;
    int fd;
    unsigned long request;
    void *argument;
    int result;
};

/* Raw system calls change this thread alone; the C library's would change them all.
 * Only the effective ids change: with the real and saved ids still the daemon's, the
 * client can neither signal nor trace the thread that wears its credentials. */
static void *run_errand(void *data)
{
    struct errand *e = data;
    if (SET_GROUPS(e->count, e->groups) || SET_EGID(e->gid) || SET_EUID(e->uid))
        e->result = -errno;
    else
        e->result = teed_ioctl(e->fd, e->request, e->argument);
    return NULL;
}

/* One ioctl as somebody else, on a thread that ends with it: no credentials to restore. */
static int teed_ioctl_as(uint32_t uid, uint32_t gid, size_t count, const uint32_t *groups,
                         int fd, unsigned long request, void *argument)
{
    struct errand e = { uid, gid, count, groups, fd, request, argument, 0 };
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, run_errand, &e);
    if (failed)
        return -failed;
    pthread_join(thread, NULL);
    return e.result;
}
"""
)

ffibuilder = FFI()
ffibuilder.cdef(CDEF)
ffibuilder.set_source("teed.driver._linux", SOURCE, extra_link_args=["-pthread"])
