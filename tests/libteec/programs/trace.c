/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that uses the trace macros, as libckteec does. */
#define BINARY_PREFIX "DEMO"
#define DEBUGLEVEL_2
#include <stdlib.h>
#include <teec_trace.h>

int main(void)
{
    static const uint8_t bytes[4];

    DMSG("not at this level %d", 1);
    EMSG("%d of %d", 7, 8);
    IMSG_RAW("as it is %d\n", 9);
    dump_buffer("bytes", bytes, sizeof(bytes));
    return 0;
}
