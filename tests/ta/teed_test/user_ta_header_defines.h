/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USER_TA_HEADER_DEFINES_H
#define USER_TA_HEADER_DEFINES_H

#if defined(VARIANT_session)
#define TA_UUID                                            \
    {                                                      \
        0x0f5e0cc6, 0x903f, 0x4a0d,                        \
        { 0xa4, 0xef, 0xc5, 0x87, 0x51, 0x59, 0x1d, 0x94 } \
    }
#define TA_FLAGS 0
#elif defined(VARIANT_single)
#define TA_UUID                                            \
    {                                                      \
        0x1adacce6, 0xe807, 0x4f1f,                        \
        { 0xa9, 0x79, 0x90, 0xe4, 0xd8, 0x40, 0xc7, 0x9d } \
    }
#define TA_FLAGS TA_FLAG_SINGLE_INSTANCE
#elif defined(VARIANT_shared)
#define TA_UUID                                            \
    {                                                      \
        0xc40f0c94, 0x1a83, 0x432c,                        \
        { 0xb7, 0xf9, 0x24, 0xa5, 0x3a, 0x99, 0xae, 0x35 } \
    }
#define TA_FLAGS \
    (TA_FLAG_SINGLE_INSTANCE | TA_FLAG_MULTI_SESSION | TA_FLAG_INSTANCE_KEEP_ALIVE)
#endif

#define TA_STACK_SIZE (4 * 1024)
#define TA_DATA_SIZE (16 * 1024)

#endif
