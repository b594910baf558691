/* SPDX-License-Identifier: BSD-2-Clause */
/* Fork: see process.h. */
#include "process.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "context.h"
#include "session.h"

unsigned int this_process = 1;

static atomic_bool told;

struct outcome parents(void)
{
    if (!atomic_exchange(&told, true))
        fputs("libteec: this belongs to the parent process: after fork(), a child makes "
              "contexts and sessions of its own\n",
              stderr);
    return ended(TEEC_ERROR_BAD_STATE, TEEC_ORIGIN_API);
}

/* The lock is taken over the fork, so that the child finds the tables in order. */
static void before_fork(void)
{
    pthread_mutex_lock(&registry_lock);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&registry_lock);
}

static void after_fork_in_child(void)
{
    table_visit(&contexts, context_forget);
    table_visit(&sessions, session_forget);
    call_forget_all();
    this_process++;
    atomic_store(&told, false);
    pthread_mutex_unlock(&registry_lock);
}

__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
