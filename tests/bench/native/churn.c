/* Keeps teed's control plane busy: clients that come, say hello, allocate, open, close, leave.
 *
 *   churn THREADS SECONDS      TEED_SOCKET is where
 *
 * Ends by itself after that time, or when told to on its standard input; says then how many
 * came and went, and in how many nanoseconds. */
#include "measure.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <signal.h>
#include <tee_client_api.h>
#include <unistd.h>

static atomic_bool done;
static atomic_long visits;

static void check(const char *what, TEEC_Result result)
{
    if (result == TEEC_SUCCESS)
        return;
    fprintf(stderr, "%s: %#x\n", what, result);
    exit(1);
}

static void visit(void)
{
    const TEEC_UUID application = { 0x7465, 0x6564, 1, { 0 } };
    TEEC_SharedMemory memory = { .size = 4096, .flags = TEEC_MEM_INPUT | TEEC_MEM_OUTPUT };
    TEEC_Context context;
    TEEC_Session session;
    check("TEEC_InitializeContext", TEEC_InitializeContext(NULL, &context));
    check("TEEC_AllocateSharedMemory", TEEC_AllocateSharedMemory(&context, &memory));
    check("TEEC_OpenSession", TEEC_OpenSession(&context, &session, &application,
                                               TEEC_LOGIN_PUBLIC, NULL, NULL, NULL));
    TEEC_CloseSession(&session);
    TEEC_ReleaseSharedMemory(&memory);
    TEEC_FinalizeContext(&context);
}

static void *come_and_go(void *nothing)
{
    while (!atomic_load(&done)) {
        visit();
        atomic_fetch_add(&visits, 1);
    }
    return nothing;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    long threads = number(argv[1]), seconds = number(argv[2]);
    pthread_t thread[64];
    int64_t start = now_ns();
    if (threads > 64)
        return 2;
    for (long i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, come_and_go, NULL))
            die("pthread_create");
    struct pollfd said = { .fd = STDIN_FILENO, .events = POLLIN };
    poll(&said, 1, (int)seconds * 1000);
    atomic_store(&done, true);
    for (long i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    int64_t count = atomic_load(&visits);
    tell(now_ns() - start, &count, 1);
    return 0;
}
