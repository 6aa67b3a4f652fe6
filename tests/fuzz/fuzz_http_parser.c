/*
 * Any octets as HTTP requests. Never a fault; and the verdict and every octet that comes out are
 * the same whether they arrive at once or in pieces (two readers never see two requests).
 */
#include <http/parser.h>

#include <stdlib.h>

struct seen {
    uint64_t hash;
    int last; /* event or refusal's status */
    size_t requests;
};

static void mix(struct seen *s, struct pp_bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        s->hash = (s->hash ^ b.data[i]) * 1099511628211u;
    }
    s->hash = (s->hash ^ 0x1ff) * 1099511628211u;
}

static void mix_octets(struct seen *s, struct pp_bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        s->hash = (s->hash ^ b.data[i]) * 1099511628211u;
    }
}

static void note_head(struct seen *s, const struct pp_request_head *h)
{
    if (h->path.len == 0 || h->path.data[0] != '/' || h->n_fields > PP_FIELDS_MAX) {
        abort();
    }
    mix(s, h->method);
    mix(s, h->path);
    mix(s, h->query);
    mix(s, h->host);
    for (size_t i = 0; i < h->n_fields; i++) {
        mix(s, h->fields[i].name);
        mix(s, h->fields[i].value);
        if (!pp_field_value_ok(h->fields[i].value)) {
            abort();
        }
    }
}

/* Offers octets `step` at a time; an exact copy each time, so that a read beyond shows. */
static struct seen run(const uint8_t *data, size_t size, size_t step)
{
    static struct pp_parsed out;
    struct pp_parser_limits limits = {200, 600, 8, 16, 40, 100};
    struct pp_parser p = {0};
    struct seen s = {.hash = 14695981039346656037u};
    size_t start = 0, have = 0;
    for (;;) {
        size_t used = 0, len = have - start;
        uint8_t *copy = malloc(len ? len : 1);
        memcpy(copy, data + start, len);
        int event = pp_parser_next(&p, &limits, pp_bytes(copy, len), &used, &out);
        if (used > len) {
            abort();
        }
        if (event == PP_PARSE_HEAD) {
            note_head(&s, &out.head);
        } else if (event == PP_PARSE_BODY) {
            if (out.body.len == 0 || out.body.len > len - used) {
                abort();
            }
            mix_octets(&s, out.body);
            pp_parser_took(&p, out.body.len);
            used += out.body.len;
        } else if (event == PP_PARSE_END) {
            mix(&s, pp_bytes(NULL, 0));
            s.requests++;
            pp_parser_reset(&p);
        }
        free(copy);
        start += used;
        if (event < 0 || (event == PP_PARSE_MORE && have == size)) {
            s.last = event < 0 ? out.status : 0;
            return s;
        }
        if (event == PP_PARSE_MORE) {
            have = step < size - have ? have + step : size;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096) {
        return 0;
    }
    struct seen whole = run(data, size, size ? size : 1), bits = run(data, size, 1),
                some = run(data, size, 7);
    if (whole.hash != bits.hash || whole.last != bits.last || whole.requests != bits.requests ||
        some.hash != bits.hash || some.last != bits.last) {
        abort();
    }
    return 0;
}
