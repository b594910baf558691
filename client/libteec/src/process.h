/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fork: a child has copies of all descriptors, and would take its parent's answers or close
 * its parent's sessions if it used them.  So a child lets go of them, and whatever its parent
 * made is refused there.  It may open contexts of its own.
 *
 * A child of fork() does so at once.  One of _Fork() or of a bare clone() runs no handlers;
 * it notices when it first comes into the library, by a page that Linux wipes in a child.
 */
#ifndef LIBTEEC_PROCESS_H
#define LIBTEEC_PROCESS_H

#include <stdatomic.h>

#include "outcome.h"

/* Another number in each generation of processes. */
extern unsigned int this_process;

/* In the page that is wiped. */
enum process_state { PROCESS_IS_NEW = 0, PROCESS_LETS_GO, PROCESS_IS_KNOWN };
extern _Atomic unsigned char *process_state;

/* Let go of what the parent had; *late* when the child may have done other things before. */
void process_begin(bool late);

/* On every way into the library, before any lock: locks may be held by who is not here. */
static inline void process_check(void)
{
    if (atomic_load_explicit(process_state, memory_order_acquire) != PROCESS_IS_KNOWN)
        process_begin(true);
}

/* What a child is told that uses what its parent made; it is also said on stderr, once. */
struct outcome parents(void);

#endif
