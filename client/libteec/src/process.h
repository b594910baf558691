/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fork: a child has copies of all descriptors, and would take its parent's answers or close
 * its parent's sessions if it used them.  So a child lets go of them at once, and whatever its
 * parent made is refused there.  It may open contexts of its own.
 */
#ifndef LIBTEEC_PROCESS_H
#define LIBTEEC_PROCESS_H

#include "outcome.h"

/* Another number in each generation of processes. */
extern unsigned int this_process;

/* What a child is told that uses what its parent made; it is also said on stderr, once. */
struct outcome parents(void);

#endif
