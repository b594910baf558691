/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked of teed on the control connection, one function a method. */
#ifndef LIBTEEC_REQUESTS_H
#define LIBTEEC_REQUESTS_H

#include "connection.h"

/* A parameter on the wire: the kernel's struct tee_ioctl_param. */
struct parameter {
    uint64_t attr;
    uint64_t a;
    uint64_t b;
    uint64_t c;
};

struct parameters {
    unsigned int count;
    struct parameter at[TEEC_CONFIG_PAYLOAD_REF_COUNT];
};

void put_parameters(struct writer *writer, const struct parameters *parameters);

/* Read as many as were sent: of each, what may have changed. */
void get_parameters(struct reader *reader, struct parameters *parameters);

/* What the TEE can do: TEE_IOC_VERSION, and how big an arena is served fastest. */
struct welcome {
    uint32_t impl_id;
    uint32_t impl_caps;
    uint32_t gen_caps;
    uint64_t arena;
};

struct outcome request_hello(struct connection *connection, struct welcome *welcome);

/* Memory that teed and this process share: its number there, and its descriptor here. */
struct shared {
    uint32_t number;
    uint64_t size;
    int fd;
};

struct outcome request_allocate(struct connection *connection, uint64_t size,
                                struct shared *shared);
struct outcome request_register(struct connection *connection, int memfd, uint64_t size,
                                struct shared *shared);
void request_release(struct connection *connection, uint32_t number);

struct opening {
    uint8_t uuid[16];
    uint32_t login;
    bool has_group;
    uint32_t group;
};

struct opened {
    struct outcome answer; /* what the TEE said */
    uint32_t session;
    int channel;
};

/* Sent and waited for apart, so that it can be cancelled by its id in between. */
void request_open(struct connection *connection, struct exchange *exchange,
                  const struct opening *opening, const struct parameters *parameters);
struct outcome request_opened(struct connection *connection, struct exchange *exchange,
                              struct parameters *parameters, struct opened *opened);

void request_close(struct connection *connection, uint32_t session);

#define NO_SESSION UINT64_MAX

/* Cancel a request on a session's channel, or with NO_SESSION an opening. */
void request_cancel(struct connection *connection, uint64_t session, uint32_t request);

#endif
