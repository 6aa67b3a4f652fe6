/* A little DER; see der.h. */
#include <seal/der.h>

#include <peerpost/error.h>

static size_t length_octets(uint64_t n)
{
    size_t octets = 0;
    while (n) {
        octets++;
        n >>= 8;
    }
    return octets;
}

size_t pp_der_head_len(uint64_t n)
{
    return n < 0x80 ? 2 : 2 + length_octets(n);
}

uint64_t pp_der_whole_len(uint64_t n)
{
    return n + pp_der_head_len(n);
}

int pp_der_head(struct pp_buf *out, uint8_t tag, uint64_t n)
{
    uint8_t head[10] = {tag, (uint8_t)n};
    size_t octets = length_octets(n);
    if (n < 0x80) {
        return pp_buf_add(out, head, 2);
    }
    head[1] = (uint8_t)(0x80 | octets);
    for (size_t i = 0; i < octets; i++) {
        head[2 + i] = (uint8_t)(n >> 8 * (octets - 1 - i));
    }
    return pp_buf_add(out, head, 2 + octets);
}

int pp_der_add(struct pp_buf *out, uint8_t tag, struct pp_bytes content)
{
    pp_der_head(out, tag, content.len);
    return pp_buf_add(out, content.data, content.len);
}

static uint8_t next(struct pp_der *d)
{
    if (d->failed || d->at >= d->end || d->at >= d->in.len) {
        d->failed = true;
        return 0;
    }
    return d->in.data[d->at++];
}

/* The length after a tag; minimal, and within the container. */
static uint64_t read_head(struct pp_der *d, uint8_t tag)
{
    uint64_t n;
    if (next(d) != tag) {
        d->failed = true;
    }
    uint8_t first = next(d);
    n = first;
    if (first & 0x80) {
        size_t octets = first & 0x7f;
        d->failed = d->failed || octets == 0 || octets > 7;
        n = 0;
        for (size_t i = 0; !d->failed && i < octets; i++) {
            n = n << 8 | next(d);
        }
        d->failed = d->failed || n < 0x80 || length_octets(n) != octets;
    }
    d->failed = d->failed || n > d->end - d->at;
    return d->failed ? 0 : n;
}

uint64_t pp_der_enter(struct pp_der *d, uint8_t tag, bool last)
{
    uint64_t n = read_head(d, tag), end = d->at + n;
    d->failed = d->failed || (last && end != d->end);
    if (!d->failed) {
        d->end = end;
    }
    return end;
}

void pp_der_expect(struct pp_der *d, struct pp_bytes octets)
{
    for (size_t i = 0; i < octets.len; i++) {
        if (next(d) != octets.data[i]) {
            d->failed = true;
        }
    }
}

struct pp_bytes pp_der_value(struct pp_der *d, uint8_t tag)
{
    uint64_t n = read_head(d, tag);
    if (d->failed || d->at > d->in.len || n > d->in.len - d->at) {
        d->failed = true;
        return pp_bytes(NULL, 0);
    }
    struct pp_bytes value = pp_bytes(d->in.data + d->at, (size_t)n);
    d->at += n;
    return value;
}
