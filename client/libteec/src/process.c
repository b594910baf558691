/* SPDX-License-Identifier: BSD-2-Clause */
/* Fork: see process.h. */
#define _GNU_SOURCE
#include "process.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "call.h"
#include "descriptors.h"

unsigned int this_process = 1;

/* Where no page can be wiped, only the handlers tell. */
static _Atomic unsigned char not_wiped = PROCESS_IS_KNOWN;
_Atomic unsigned char *process_state = &not_wiped;

static atomic_bool told;

struct outcome parents(void)
{
    if (!atomic_exchange(&told, true)) /* not by stdio: after _Fork(), its locks may be held */
        dprintf(STDERR_FILENO,
                "libteec: this belongs to the parent process: after fork(), a child makes "
                "contexts and sessions of its own\n");
    return ended(TEEC_ERROR_BAD_STATE, TEEC_ORIGIN_API);
}

void process_begin(bool late)
{
    unsigned char is_new = PROCESS_IS_NEW;

    if (!atomic_compare_exchange_strong(process_state, &is_new, PROCESS_LETS_GO)) {
        while (atomic_load(process_state) != PROCESS_IS_KNOWN)
            sched_yield(); /* another thread of the child came first */
        return;
    }
    pthread_mutex_init(&registry_lock, NULL);
    descriptors_let_go(late);
    call_forget_all();
    this_process++;
    atomic_store(&told, false);
    atomic_store(process_state, PROCESS_IS_KNOWN);
}

/* The locks are taken over the fork, so that the child finds everything in order. */
static void before_fork(void)
{
    process_check();
    pthread_mutex_lock(&registry_lock);
    descriptors_lock();
}

static void after_fork_in_parent(void)
{
    descriptors_unlock();
    pthread_mutex_unlock(&registry_lock);
}

static void after_fork_in_child(void)
{
    if (process_state == &not_wiped)
        atomic_store(&not_wiped, PROCESS_IS_NEW);
    if (atomic_load(process_state) == PROCESS_IS_NEW) /* not if another handler used us */
        process_begin(false);
}

static void make_page(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return;
    if (madvise(page, size, MADV_WIPEONFORK) < 0) {
        munmap(page, size);
        return;
    }
    process_state = page;
    atomic_store(process_state, PROCESS_IS_KNOWN);
}

__attribute__((constructor)) static void watch_forks(void)
{
    make_page();
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
