/* SPDX-License-Identifier: BSD-2-Clause */
/* What the test programs share: the applications' names, and a check that ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tee_client_api.h>

#define CHECK(truth)                                                              \
    do {                                                                          \
        if (!(truth)) {                                                           \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #truth);   \
            exit(1);                                                              \
        }                                                                         \
    } while (0)

/* The trusted applications of ../../ta/README.md. */
static const TEEC_UUID TEST = {
    0x0f5e0cc6, 0x903f, 0x4a0d, { 0xa4, 0xef, 0xc5, 0x87, 0x51, 0x59, 0x1d, 0x94 }
};
static const TEEC_UUID SINGLE = {
    0x1adacce6, 0xe807, 0x4f1f, { 0xa9, 0x79, 0x90, 0xe4, 0xd8, 0x40, 0xc7, 0x9d }
};
static const TEEC_UUID HELLO = {
    0x8aaaf200, 0x2450, 0x11e4, { 0xab, 0xe2, 0x00, 0x02, 0xa5, 0xd5, 0xc5, 0x1b }
};
static const TEEC_UUID RANDOM = {
    0xb6c53aba, 0x9669, 0x4668, { 0xa7, 0xf2, 0x20, 0x56, 0x29, 0xd0, 0x0f, 0x86 }
};
static const TEEC_UUID AES = {
    0x5dbac793, 0xf574, 0x4871, { 0x8a, 0xd3, 0x04, 0x33, 0x1e, 0xc1, 0x7f, 0x24 }
};
static const TEEC_UUID NOBODY = {
    0x11111111, 0x2222, 0x3333, { 0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55 }
};

enum command {
    NOP, VALUES, XOR, COPY, DESCRIBE, WAIT, SPIN, PANIC, IDENTITY, COUNT, RETURN, FILL,
};

/* Silences the compiler where a program does not use all of the names. */
static inline void use_names(void)
{
    (void)TEST, (void)SINGLE, (void)HELLO, (void)RANDOM, (void)AES, (void)NOBODY;
}

#endif
