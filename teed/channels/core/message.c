/* The two messages of the plain path: an invocation is read, its answer written.
 *
 * docs/protocol.md has their form.  Integers may come in any width that msgpack has, signed
 * ones too if they are not negative; they leave in the shortest. */
#include "core.h"

#include <string.h>

struct reader {
    const uint8_t *at, *end;
};

static bool read_bytes(struct reader *r, unsigned width, uint64_t *value)
{
    if ((size_t)(r->end - r->at) < width)
        return false;
    *value = 0;
    while (width--)
        *value = *value << 8 | *r->at++;
    return true;
}

/* A number that is not negative. */
static bool read_number(struct reader *r, uint64_t *value)
{
    uint64_t form;
    if (!read_bytes(r, 1, &form))
        return false;
    if (form <= 0x7f) {
        *value = form;
        return true;
    }
    if (form >= 0xcc && form <= 0xcf)
        return read_bytes(r, 1u << (form - 0xcc), value);
    if (form < 0xd0 || form > 0xd3)
        return false;
    unsigned width = 1u << (form - 0xd0);
    return read_bytes(r, width, value) && *value >> (8 * width - 1) == 0;
}

static bool read_u32(struct reader *r, uint32_t *value)
{
    uint64_t wide;
    if (!read_number(r, &wide) || wide > UINT32_MAX)
        return false;
    *value = (uint32_t)wide;
    return true;
}

static bool read_array(struct reader *r, uint64_t *count)
{
    uint64_t form;
    if (!read_bytes(r, 1, &form))
        return false;
    if (form >= 0x90 && form <= 0x9f) {
        *count = form & 0x0f;
        return true;
    }
    return (form == 0xdc && read_bytes(r, 2, count)) || (form == 0xdd && read_bytes(r, 4, count));
}

static bool is_array_of(struct reader *r, uint64_t wanted)
{
    uint64_t count;
    return read_array(r, &count) && count == wanted;
}

static bool is_text(struct reader *r, const char *wanted)
{
    uint64_t form, length;
    if (!read_bytes(r, 1, &form))
        return false;
    if (form >= 0xa0 && form <= 0xbf)
        length = form & 0x1f;
    else if (form < 0xd9 || form > 0xdb || !read_bytes(r, 1u << (form - 0xd9), &length))
        return false;
    if (length != strlen(wanted) || length > (size_t)(r->end - r->at))
        return false;
    r->at += length;
    return memcmp(r->at - length, wanted, length) == 0;
}

static bool read_param(struct reader *r, struct tee_ioctl_param *param)
{
    return is_array_of(r, 4) && read_number(r, &param->attr) && read_number(r, &param->a) &&
           read_number(r, &param->b) && read_number(r, &param->c) && param->attr <= 7 &&
           param->attr != 4;
}

bool teed_decode(const uint8_t *body, size_t size, struct teed_invoke *call)
{
    struct reader r = { body, body + size };
    uint64_t kind, count;
    memset(call, 0, sizeof(*call));
    if (!is_array_of(&r, 4) || !read_number(&r, &kind) || kind != 0 ||
        !read_u32(&r, &call->arg.cancel_id) || !is_text(&r, "invoke") || !is_array_of(&r, 2) ||
        !read_u32(&r, &call->arg.func) || !read_array(&r, &count) || count > 4)
        return false;
    call->arg.num_params = (uint32_t)count;
    for (uint32_t i = 0; i < call->arg.num_params; i++)
        if (!read_param(&r, &call->params[i]))
            return false;
    return r.at == r.end;
}

static uint8_t *write_bytes(uint8_t *at, uint8_t form, unsigned width, uint64_t value)
{
    *at++ = form;
    while (width--)
        *at++ = (uint8_t)(value >> (8 * width));
    return at;
}

static uint8_t *write_number(uint8_t *at, uint64_t value)
{
    if (value <= 0x7f)
        return write_bytes(at, (uint8_t)value, 0, 0);
    if (value <= UINT8_MAX)
        return write_bytes(at, 0xcc, 1, value);
    if (value <= UINT16_MAX)
        return write_bytes(at, 0xcd, 2, value);
    if (value <= UINT32_MAX)
        return write_bytes(at, 0xce, 4, value);
    return write_bytes(at, 0xcf, 8, value);
}

static uint8_t *write_param(uint8_t *at, const struct tee_ioctl_param *param)
{
    *at++ = 0x94;
    at = write_number(at, param->attr);
    at = write_number(at, param->a);
    at = write_number(at, param->b);
    return write_number(at, param->c);
}

size_t teed_encode(const struct teed_invoke *call, uint8_t *body)
{
    uint8_t *at = body;
    *at++ = 0x94;
    at = write_number(at, 1);
    at = write_number(at, call->arg.cancel_id);
    *at++ = 0xc0;
    *at++ = 0x93;
    at = write_number(at, call->arg.ret);
    at = write_number(at, call->arg.ret_origin);
    *at++ = (uint8_t)(0x90 | call->arg.num_params);
    for (uint32_t i = 0; i < call->arg.num_params; i++)
        at = write_param(at, &call->params[i]);
    return (size_t)(at - body);
}
