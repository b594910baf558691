/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A child of fork(): refused what its parent made, free to make its own, and unable to take
 * its parent's answers or to close its sessions, whatever it does.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { CALLERS = 3, FORKS = 30 };

static TEEC_Context context;
static TEEC_Session session;
static TEEC_SharedMemory memory = { .size = 100, .flags = TEEC_MEM_INPUT };

static int descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int found = 0;

    while (readdir(directory))
        found++;
    closedir(directory);
    return found;
}

static TEEC_Result increment(TEEC_Session *which, uint32_t value, uint32_t *origin)
{
    TEEC_Operation operation = { .paramTypes = TEEC_VALUE_INOUT };
    TEEC_Result code;

    operation.params[0].value.a = value;
    code = TEEC_InvokeCommand(which, 0, &operation, origin);
    CHECK(code != TEEC_SUCCESS || operation.params[0].value.a == value + 1);
    return code;
}

static void make_own(void)
{
    TEEC_Context own;
    TEEC_Session hello;
    uint32_t origin;

    CHECK(TEEC_InitializeContext(NULL, &own) == TEEC_SUCCESS);
    CHECK(TEEC_OpenSession(&own, &hello, &HELLO, 0, NULL, NULL, &origin) == TEEC_SUCCESS);
    CHECK(increment(&hello, 5, &origin) == TEEC_SUCCESS);
    TEEC_CloseSession(&hello);
    TEEC_FinalizeContext(&own);
}

static void use_parents(void)
{
    TEEC_SharedMemory more = { .size = 1, .flags = TEEC_MEM_INPUT };
    TEEC_Session hello;
    uint32_t origin = 0;

    CHECK(increment(&session, 5, &origin) == TEEC_ERROR_BAD_STATE);
    CHECK(origin == TEEC_ORIGIN_API);
    CHECK(TEEC_OpenSession(&context, &hello, &HELLO, 0, NULL, NULL, &origin) ==
          TEEC_ERROR_BAD_STATE);
    CHECK(origin == TEEC_ORIGIN_API);
    CHECK(TEEC_AllocateSharedMemory(&context, &more) == TEEC_ERROR_BAD_STATE);
}

static void give_up_parents(void)
{
    TEEC_ReleaseSharedMemory(&memory);
    TEEC_CloseSession(&session);
    TEEC_FinalizeContext(&context);
}

static void wait_for_child(void)
{
    int status;

    CHECK(wait(&status) > 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void quietly(void)
{
    uint32_t origin;

    if (fork() == 0) {
        use_parents();
        use_parents();
        make_own();
        give_up_parents();
        make_own();
        exit(0);
    }
    wait_for_child();
    CHECK(increment(&session, 9, &origin) == TEEC_SUCCESS);
    memset(memory.buffer, 1, memory.size);
}

/* Threads of a child get the stacks of its parent's threads, with whatever stood there. */
static void *overwrite_stack(void *argument)
{
    volatile uint8_t room[100000];

    (void)argument;
    for (size_t i = 0; i < sizeof(room); i++)
        room[i] = 0x5a;
    return NULL;
}

static void overwrite_parents_stacks(void)
{
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, overwrite_stack, NULL) == 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

static atomic_bool stop;
static pthread_barrier_t under_way;

static void *call_on(void *argument)
{
    uint32_t origin;

    (void)argument;
    pthread_barrier_wait(&under_way);
    for (uint32_t i = 0; !atomic_load(&stop); i++)
        CHECK(increment(&session, i, &origin) == TEEC_SUCCESS);
    return NULL;
}

/*
 * Forks in the middle of other threads' calls, and not while these threads begin: gcc 12's
 * AddressSanitizer asks for memory then, and leaves its allocator locked to the child.
 */
static void in_a_storm(void)
{
    pthread_t threads[CALLERS];

    CHECK(pthread_barrier_init(&under_way, NULL, CALLERS + 1) == 0);
    for (int i = 0; i < CALLERS; i++)
        CHECK(pthread_create(&threads[i], NULL, call_on, NULL) == 0);
    pthread_barrier_wait(&under_way);
    for (int i = 0; i < FORKS; i++) {
        if (fork() == 0) {
            TEEC_Operation operation = { 0 };

            overwrite_parents_stacks();
            use_parents();
            TEEC_RequestCancellation(&operation);
            make_own();
            give_up_parents();
            _exit(0);
        }
        wait_for_child();
    }
    atomic_store(&stop, true);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
}

/* The parent ends, and the child lives on: what the parent had must end with it. */
static void orphan(void)
{
    if (fork() != 0)
        _exit(0);
    CHECK(getchar() == EOF); /* until whoever looks has seen enough */
}

/* As _Fork() does, and whatever else does not know of pthread_atfork(). */
static pid_t bare_fork(void)
{
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    CHECK(child >= 0);
    if (child == 0)
        alarm(30); /* a lock that is held by nobody would be waited for */
    return child;
}

/* What the child opened in the place of its parent's descriptors stays open. */
static void put_others_in_their_place(void)
{
    for (int fd = 3; fd < 10; fd++)
        close(fd);
    for (int fd = 3; fd < 10; fd++)
        CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) == fd);
    use_parents();
    make_own();
    for (int fd = 3; fd < 10; fd++)
        CHECK(fcntl(fd, F_GETFD) >= 0);
}

/* Three generations: the second makes nothing, the third what the fourth may not use. */
static void barely(void)
{
    uint32_t origin;

    if (bare_fork() == 0) {
        if (bare_fork() == 0) {
            use_parents();
            give_up_parents();
            CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
            CHECK(TEEC_OpenSession(&context, &session, &HELLO, 0, NULL, NULL, &origin) ==
                  TEEC_SUCCESS);
            if (bare_fork() == 0) {
                use_parents();
                make_own();
                _exit(0);
            }
            wait_for_child();
            if (fork() == 0) {
                use_parents();
                give_up_parents();
                _exit(0);
            }
            wait_for_child();
            CHECK(increment(&session, 7, &origin) == TEEC_SUCCESS);
            _exit(0);
        }
        wait_for_child();
        _exit(0);
    }
    wait_for_child();
    if (bare_fork() == 0) {
        put_others_in_their_place();
        _exit(0);
    }
    wait_for_child();
    if (bare_fork() == 0) {
        int before = descriptors();

        use_parents();
        CHECK(descriptors() == before - 2); /* the connection, the session */
        _exit(0);
    }
    wait_for_child();
    CHECK(increment(&session, 9, &origin) == TEEC_SUCCESS);
}

/* Any lock may be held by a thread that is not in the child. */
static void barely_in_a_storm(void)
{
    pthread_t threads[CALLERS];

    CHECK(pthread_barrier_init(&under_way, NULL, CALLERS + 1) == 0);
    for (int i = 0; i < CALLERS; i++)
        CHECK(pthread_create(&threads[i], NULL, call_on, NULL) == 0);
    pthread_barrier_wait(&under_way);
    for (int i = 0; i < 10 * FORKS; i++) {
        if (bare_fork() == 0) {
            use_parents();
            _exit(0);
        }
        wait_for_child();
    }
    atomic_store(&stop, true);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
}

static void *make_all_the_time(void *argument)
{
    while (!atomic_load(&stop))
        make_own();
    return argument;
}

/* Whatever moment of another thread's opening and closing it is: a child has none of it. */
static void beside(int before)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, make_all_the_time, NULL) == 0);
    for (int i = 0; i < 20 * FORKS; i++) {
        usleep(500);
        if (fork() == 0)
            _exit(descriptors() != before);
        wait_for_child();
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}

int main(int count, char **arguments)
{
    int before = descriptors();
    uint32_t origin;

    use_names();
    CHECK(count == 2);
    CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
    CHECK(TEEC_OpenSession(&context, &session, &HELLO, 0, NULL, NULL, &origin) ==
          TEEC_SUCCESS);
    CHECK(TEEC_AllocateSharedMemory(&context, &memory) == TEEC_SUCCESS);
    if (strcmp(arguments[1], "quietly") == 0)
        quietly();
    else if (strcmp(arguments[1], "storm") == 0)
        in_a_storm();
    else if (strcmp(arguments[1], "barely") == 0)
        barely();
    else if (strcmp(arguments[1], "bare-storm") == 0)
        barely_in_a_storm();
    else if (strcmp(arguments[1], "beside") == 0)
        beside(before);
    else
        orphan();
    give_up_parents();
    return 0;
}
