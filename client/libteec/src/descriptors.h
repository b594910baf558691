/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The descriptors of this library, so that a child of fork() can close them.
 *
 * A child that kept a copy of one would keep open, at teed, what its parent has long closed.
 * So each is noted from the moment it is there until it is closed, wherever it stands in
 * between: it is made under the lock, and noted there, and a fork() takes the lock.
 */
#ifndef LIBTEEC_DESCRIPTORS_H
#define LIBTEEC_DESCRIPTORS_H

#include <stdbool.h>

/* To make a descriptor and to note it; never held while waiting. */
void descriptors_lock(void);
void descriptors_unlock(void);

/* Under the lock. */
void descriptor_note(int fd);

/* Close a descriptor, noted or not; nothing happens for -1. */
void descriptor_close(int fd);

/*
 * In a child, where nobody else is: close all that were noted, and open the lock.  *late*: the
 * application may have closed them, and have something else there now.
 */
void descriptors_let_go(bool late);

#endif
