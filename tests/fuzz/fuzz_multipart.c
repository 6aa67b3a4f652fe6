/*
 * Any octets as a multipart/form-data body. Never a fault, the same parts however it is cut, and
 * never more data out than in. The first line is the content type.
 */
#include <http/multipart.h>

#include <stdlib.h>

struct seen {
    uint64_t hash;
    size_t octets;
    unsigned calls;
    size_t greed;
    int verdict;
};

static void mix(struct seen *s, struct pp_bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        s->hash = (s->hash ^ b.data[i]) * 1099511628211u;
    }
}

static int on_part(void *ctx, struct pp_bytes name)
{
    struct seen *s = ctx;
    mix(s, pp_str("\1"));
    mix(s, name);
    mix(s, pp_str("\2"));
    return pp_bytes_is(name, "no") ? PP_DENIED : 0;
}

static size_t on_data(void *ctx, struct pp_bytes bytes)
{
    struct seen *s = ctx;
    size_t n = s->greed < bytes.len ? s->greed : bytes.len;
    if (bytes.len == 0) {
        abort();
    }
    if (s->greed == 1 && s->calls++ % 2 == 0) {
        return 0;
    }
    mix(s, pp_bytes(bytes.data, n));
    s->octets += n;
    return n;
}

static void on_part_end(void *ctx)
{
    mix(ctx, pp_str("\3"));
}

static struct seen run(struct pp_bytes type, struct pp_bytes body, size_t step, size_t greed)
{
    static const struct pp_multipart_events events = {on_part, on_data, on_part_end};
    struct seen s = {.hash = 14695981039346656037u, .greed = greed};
    struct pp_multipart *m = NULL;
    size_t at = 0, end = 0;
    s.verdict = pp_multipart_create(&m, type, &events, &s);
    while (s.verdict == 0 && at < body.len) {
        size_t taken = 0;
        end = at == end ? (step < body.len - end ? end + step : body.len) : end;
        uint8_t *copy = malloc(end - at);
        memcpy(copy, body.data + at, end - at);
        s.verdict = pp_multipart_feed(m, pp_bytes(copy, end - at), &taken);
        free(copy);
        if (taken > end - at) {
            abort();
        }
        at += taken;
    }
    if (s.verdict == 0) {
        s.verdict = pp_multipart_end(m);
    }
    pp_multipart_destroy(m);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *lf = memchr(data, '\n', size);
    if (!lf || size > 4096) {
        return 0;
    }
    struct pp_bytes type = pp_bytes(data, (size_t)(lf - data));
    struct pp_bytes body = pp_bytes(lf + 1, size - type.len - 1);
    struct seen whole = run(type, body, body.len, SIZE_MAX), bits = run(type, body, 1, 1),
                some = run(type, body, 7, 3);
    if (whole.verdict != bits.verdict || some.verdict != bits.verdict || whole.hash != bits.hash ||
        some.hash != bits.hash || whole.octets > body.len) {
        abort();
    }
    return 0;
}
