/* One invocation as the kernel's driver takes it: TEE_IOC_INVOKE of linux/tee.h, with room
 * for as many parameters as GlobalPlatform has.  The core speaks to every driver with it. */
#pragma once

struct tee_ioctl_param { uint64_t attr, a, b, c; };
struct tee_ioctl_invoke_arg {
    uint32_t func, session, cancel_id, ret, ret_origin, num_params;
};
struct teed_invoke {
    struct tee_ioctl_invoke_arg arg;
    struct tee_ioctl_param params[4];
};
