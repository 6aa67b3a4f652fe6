/*
 * The first lines of a spooled message; see envelope.h. It must not know where it is kept.
 */
#include <mail/envelope.h>

#include <stdio.h>
#include <stdlib.h>

static const char first_line[] = "peerpost-spool 1\n";

int pp_envelope_add(struct pp_envelope *e, struct pp_bytes address, bool bcc)
{
    for (size_t i = 0; i < e->n_recipients; i++) {
        if (pp_bytes_equal(pp_buf_bytes(&e->recipients[i].address), address)) {
            e->recipients[i].bcc &= bcc;
            return PP_OK;
        }
    }
    if (e->n_recipients == PP_RECIPIENTS_MAX) {
        return PP_TOO_BIG;
    }
    struct pp_envelope_recipient *grown =
        realloc(e->recipients, (e->n_recipients + 1) * sizeof *grown);
    if (!grown) {
        return PP_NOMEM;
    }
    e->recipients = grown;
    struct pp_envelope_recipient *r = &grown[e->n_recipients];
    *r = (struct pp_envelope_recipient){.bcc = bcc};
    if (pp_buf_add(&r->address, address.data, address.len) != PP_OK) {
        return PP_NOMEM;
    }
    e->n_recipients++;
    return PP_OK;
}

int pp_envelope_write(struct pp_buf *out, const struct pp_envelope *e)
{
    pp_buf_add_str(out, first_line);
    pp_buf_printf(out, "created: %lld\nfrom: %s\n", (long long)e->created,
                  e->from.len ? (const char *)e->from.data : "");
    for (size_t i = 0; i < e->n_recipients; i++) {
        pp_buf_printf(out, "%s: %s\n", e->recipients[i].bcc ? "bcc" : "to",
                      (const char *)e->recipients[i].address.data);
    }
    pp_buf_add_str(out, "\n");
    return out->failed ? PP_NOMEM : PP_OK;
}

static int read_line(struct pp_envelope *e, struct pp_bytes line)
{
    const uint8_t *colon = memchr(line.data, ':', line.len);
    if (!colon || (size_t)(colon - line.data) + 2 > line.len) {
        return PP_MALFORMED;
    }
    struct pp_bytes name = pp_bytes(line.data, (size_t)(colon - line.data));
    struct pp_bytes value = pp_bytes(colon + 2, line.len - name.len - 2);
    char number[24];
    if (pp_bytes_is(name, "from")) {
        return pp_buf_add(&e->from, value.data, value.len);
    }
    if (pp_bytes_is(name, "created") && value.len < sizeof number) {
        memcpy(number, value.data, value.len);
        number[value.len] = '\0';
        e->created = strtoll(number, NULL, 10);
        return PP_OK;
    }
    bool bcc = pp_bytes_is(name, "bcc");
    return bcc || pp_bytes_is(name, "to") ? pp_envelope_add(e, value, bcc) : PP_MALFORMED;
}

int pp_envelope_read(struct pp_envelope *e, struct pp_bytes in, size_t *length)
{
    *e = (struct pp_envelope){0};
    size_t at = sizeof first_line - 1;
    int rc = in.len >= at && memcmp(in.data, first_line, at) == 0 ? PP_OK : PP_MALFORMED;
    while (rc == PP_OK) {
        const uint8_t *end = at < in.len ? memchr(in.data + at, '\n', in.len - at) : NULL;
        if (!end) {
            rc = PP_MALFORMED;
            break;
        }
        struct pp_bytes line = pp_bytes(in.data + at, (size_t)(end - (in.data + at)));
        at += line.len + 1;
        if (!line.len) {
            *length = at;
            return PP_OK;
        }
        rc = read_line(e, line);
    }
    pp_envelope_finish(e);
    return rc;
}

void pp_envelope_finish(struct pp_envelope *e)
{
    for (size_t i = 0; i < e->n_recipients; i++) {
        pp_buf_free(&e->recipients[i].address);
    }
    free(e->recipients);
    pp_buf_free(&e->from);
    *e = (struct pp_envelope){0};
}
