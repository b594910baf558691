/* An invocation that reaches nothing, so that a benchmark measures the way there. */
#include "crew.h"

/* Succeed after so many microseconds of a processor's time; 0 is at once. */
int teed_noop(void *microseconds, struct teed_invoke *call)
{
    uint64_t spin = (uint64_t)(uintptr_t)microseconds * 1000u;
    uint64_t start = spin ? teed_now_ns() : 0;
    while (spin && teed_now_ns() - start < spin)
        ;
    call->arg.ret = 0;
    call->arg.ret_origin = 4;
    return 0;
}
