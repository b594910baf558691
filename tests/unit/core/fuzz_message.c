/* A libFuzzer harness: no bytes make the core read or write where it must not, and what it
 * takes for an invocation is one that it may hand to the TEE. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

static void expect(bool promise)
{
    if (!promise)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *body, size_t size)
{
    uint8_t answer[TEED_MAX_INVOKE];
    struct teed_invoke call, again;
    if (!teed_decode(body, size, &call))
        return 0;
    expect(size <= TEED_MAX_INVOKE && call.arg.num_params <= 4);
    for (uint32_t i = 0; i < call.arg.num_params; i++)
        expect(call.params[i].attr <= 7 && call.params[i].attr != 4);
    expect(teed_decode(body, size, &again) && memcmp(&call, &again, sizeof(call)) == 0);
    expect(teed_encode(&call, answer) <= sizeof(answer));
    return 0;
}
