/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd PROCESSES MILLISECONDS: as many processes, each with a session of its own, make empty
 * calls for as long.  Prints how many calls they made together, and the time that they had.
 */
#include <sys/wait.h>

#include "bench.h"

/* One process: says that it is ready, is told to go, says how many calls it made. */
static void take_part(int ready, int go, int made, uint64_t nanoseconds)
{
    TEEC_Context context;
    TEEC_Session session;
    uint64_t calls = 0, start;
    char byte = 0;

    CHECK(TEEC_InitializeContext(NULL, &context) == TEEC_SUCCESS);
    open_session(&context, &session, &TEST);
    for (int i = 0; i < 10; i++)
        call_nothing(&session);
    CHECK(write(ready, &byte, 1) == 1);
    CHECK(read(go, &byte, 1) == 0); /* the end of the pipe */
    for (start = now(); now() - start < nanoseconds; calls++)
        call_nothing(&session);
    CHECK(write(made, &calls, sizeof(calls)) == sizeof(calls));
    TEEC_CloseSession(&session);
    TEEC_FinalizeContext(&context);
}

static uint64_t sum_of(int made, int processes)
{
    uint64_t sum = 0, calls;

    for (int i = 0; i < processes; i++) {
        CHECK(read(made, &calls, sizeof(calls)) == sizeof(calls));
        sum += calls;
    }
    return sum;
}

int main(int count, char **arguments)
{
    CHECK(count == 3);
    int processes = atoi(arguments[1]), ready[2], go[2], made[2], status;
    uint64_t nanoseconds = strtoul(arguments[2], NULL, 10) * UINT64_C(1000000);
    char byte;

    CHECK(pipe(ready) == 0 && pipe(go) == 0 && pipe(made) == 0);
    for (int i = 0; i < processes; i++) {
        if (fork() == 0) {
            close(go[1]);
            take_part(ready[1], go[0], made[1], nanoseconds);
            return 0;
        }
    }
    close(ready[1]); /* so that one which fails is not waited for */
    close(made[1]);
    for (int i = 0; i < processes; i++)
        CHECK(read(ready[0], &byte, 1) == 1);
    close(go[1]);
    printf("%" PRIu64 " %" PRIu64 "\n", sum_of(made[0], processes), nanoseconds);
    while (wait(&status) > 0)
        CHECK(status == 0);
    return 0;
}
