/*
 * Standard input into the spool; see input.h. It must not know how the message gets on from there.
 */
#include <session/input.h>

#include <base/address.h>
#include <base/encode.h>
#include <base/hash.h>
#include <box/spool.h>
#include <errno.h>
#include <mail/envelope.h>
#include <mail/message.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PIECE 65536

/* The octets as they come, up to a line with a single dot unless dots are ignored. */
struct reader {
    int fd;
    bool ignore_dots, ended;
    unsigned line; /* 0: at its start; 1: after a dot there; 2: after the dot and a CR; 3: inside */
};

/* Appends the piece without the dot line. A dot that proves to be text is put back. */
static void take(struct reader *r, struct pp_buf *out, struct pp_bytes in)
{
    for (size_t i = 0; i < in.len && !r->ended; i++) {
        uint8_t c = in.data[i];
        if (r->line == 0 && c == '.') {
            r->line = 1;
        } else if (c == '\n' && (r->line == 1 || r->line == 2)) {
            r->ended = true;
        } else if (r->line == 1 && c == '\r') {
            r->line = 2;
        } else {
            pp_buf_add_str(out, r->line == 1 ? "." : r->line == 2 ? ".\r" : "");
            pp_buf_add(out, &c, 1);
            r->line = c == '\n' ? 0 : 3;
        }
    }
}

/* 1: octets came; 0: the end; negative: failed. */
static int next(struct reader *r, struct pp_buf *out)
{
    uint8_t piece[PIECE];
    if (r->ended) {
        return 0;
    }
    ssize_t n = read(r->fd, piece, sizeof piece);
    if (n < 0 && errno == EINTR) {
        return 1;
    }
    if (n < 0) {
        return PP_IO;
    }
    if (n == 0) {
        pp_buf_add_str(out, r->line == 1 ? "." : r->line == 2 ? ".\r" : "");
        r->ended = true;
        return 0;
    }
    if (r->ignore_dots) {
        pp_buf_add(out, piece, (size_t)n);
    } else {
        take(r, out, pp_bytes(piece, (size_t)n));
    }
    return out->failed ? PP_NOMEM : 1;
}

/* --- recipients ---------------------------------------------------------------------------- */

struct gather {
    struct pp_envelope *envelope;
    bool bcc;
    bool only_known; /* a header's address makes a recipient visible but adds none */
    struct pp_error *error;
};

static bool is_known(const struct pp_envelope *e, struct pp_bytes address)
{
    for (size_t i = 0; i < e->n_recipients; i++) {
        if (pp_bytes_equal(pp_buf_bytes(&e->recipients[i].address), address)) {
            return true;
        }
    }
    return false;
}

static int add_address(void *ctx, struct pp_bytes address)
{
    struct gather *g = ctx;
    struct pp_buf normal = {0};
    int rc = pp_address_normal(&normal, address);
    if (rc != PP_OK) {
        pp_buf_free(&normal);
        return g->only_known
                   ? 0
                   : pp_fail(g->error, PP_MALFORMED, "%.*s is no e-mail address: nothing was sent",
                             (int)(address.len < 200 ? address.len : 200),
                             (const char *)address.data);
    }
    if (!g->only_known || is_known(g->envelope, pp_buf_bytes(&normal))) {
        rc = pp_envelope_add(g->envelope, pp_buf_bytes(&normal), g->bcc);
    }
    if (rc != PP_OK) {
        pp_fail(g->error, rc, "too many recipients: at most %d", PP_RECIPIENTS_MAX);
    }
    pp_buf_free(&normal);
    return rc;
}

static int from_header(struct pp_envelope *e, struct pp_bytes header, bool all,
                       struct pp_error *error)
{
    struct pp_header_field field;
    size_t at = 0;
    int rc = PP_OK;
    while (rc == PP_OK && pp_header_next(header, &at, &field)) {
        bool seen = pp_bytes_is_nocase(field.name, "To") || pp_bytes_is_nocase(field.name, "Cc");
        bool blind = pp_bytes_is_nocase(field.name, "Bcc");
        struct gather g = {e, blind, !all, error};
        if (seen || (blind && all)) {
            rc = pp_header_addresses(field.value, add_address, &g);
        }
    }
    return rc;
}

static int recipients(struct pp_envelope *e, const struct input *input, struct pp_bytes header,
                      struct pp_error *error)
{
    struct gather g = {e, true, false, error};
    for (int i = 0; i < input->n_recipients; i++) {
        int rc = strchr(input->recipients[i], '@')
                     ? pp_header_addresses(pp_str(input->recipients[i]), add_address, &g)
                     : add_address(&g, pp_str(input->recipients[i]));
        if (rc != PP_OK) {
            return rc;
        }
    }
    int rc = from_header(e, header, input->from_header, error);
    if (rc == PP_OK && e->n_recipients == 0) {
        rc = pp_fail(error, PP_MALFORMED,
                     "no recipient: name one on the command line, or in To, Cc or Bcc with -t");
    }
    return rc;
}

/* --- writing ------------------------------------------------------------------------------- */

static void fresh_name(char name[80])
{
    uint8_t random[16];
    struct pp_buf text = {0};
    pp_random(random, sizeof random);
    pp_base32(&text, pp_bytes(random, sizeof random));
    snprintf(name, 80, "%s", text.len ? (const char *)text.data : "");
    pp_buf_free(&text);
}

struct writing {
    struct reader reader;
    struct pp_buf in; /* read, not yet written */
    struct pp_crlf crlf;
    uint64_t written;
    struct pp_spool_file *file;
};

static int write_body(struct writing *w, struct pp_error *error)
{
    struct pp_buf out = {0};
    int rc = 1;
    while (rc == 1) {
        out.len = 0;
        int bad = pp_crlf_add(&w->crlf, &out, pp_buf_bytes(&w->in));
        w->written += out.len;
        if (bad == PP_OK && w->written > INPUT_MESSAGE_MAX) {
            rc = pp_fail(error, PP_TOO_BIG, "the message is over 64 MiB: send it in parts");
            break;
        }
        if (bad) {
            rc = pp_fail(error, bad, "%s", pp_error_text(bad));
            break;
        }
        bad = pp_spool_add(w->file, pp_buf_bytes(&out), error);
        if (bad) {
            rc = bad;
            break;
        }
        w->in.len = 0;
        rc = next(&w->reader, &w->in);
        if (rc == 0 && w->in.len) {
            rc = 1; /* the last octets */
        } else if (rc < 0) {
            pp_fail(error, rc, "cannot read the message: %s", strerror(errno));
        }
    }
    pp_buf_free(&out);
    return rc;
}

static int write_header(struct writing *w, const struct pp_envelope *e, struct pp_bytes header,
                        struct pp_bytes sender, struct pp_error *error)
{
    struct pp_buf out = {0};
    char id[80], full[120];
    fresh_name(id);
    snprintf(full, sizeof full, "%s@peerpost.invalid", id);
    struct pp_prepare prepare = {sender, e->created, pp_str(full)};
    int rc = pp_envelope_write(&out, e);
    uint64_t envelope = out.len;
    rc = rc == PP_OK ? pp_message_prepare(&out, header, &prepare) : rc;
    w->written = out.len - envelope;
    rc = rc == PP_OK ? pp_spool_add(w->file, pp_buf_bytes(&out), error)
                     : pp_fail(error, rc, "%s", pp_error_text(rc));
    pp_buf_free(&out);
    return rc;
}

static int read_header(struct writing *w, size_t *length, struct pp_error *error)
{
    bool whole = false;
    while (!pp_header_length(pp_buf_bytes(&w->in), whole, length)) {
        int rc = next(&w->reader, &w->in);
        if (rc < 0) {
            return pp_fail(error, rc, "cannot read the message: %s", strerror(errno));
        }
        whole = rc == 0;
    }
    return PP_OK;
}

static int spool(const struct input *input, struct writing *w, struct pp_envelope *e, size_t header,
                 const char *name, struct pp_error *error)
{
    int rc = pp_spool_begin(&w->file, input->spool, name, error);
    if (rc != PP_OK) {
        return rc;
    }
    rc = write_header(w, e, pp_bytes(w->in.data, header),
                      pp_str(input->sender ? input->sender : input->own), error);
    if (rc == PP_OK) {
        pp_buf_consume(&w->in, header);
        rc = write_body(w, error);
    }
    if (rc != PP_OK) {
        pp_spool_abort(w->file);
        return rc;
    }
    return pp_spool_commit(w->file, error);
}

int input_spool(const struct input *input, char name[80], struct pp_error *error)
{
    struct writing w = {.reader = {.fd = input->fd, .ignore_dots = input->ignore_dots}};
    struct pp_envelope e = {.created = (int64_t)time(NULL)};
    size_t header = 0;
    int rc = read_header(&w, &header, error);
    if (rc == PP_OK) {
        pp_buf_add_str(&e.from, input->own);
        rc = recipients(&e, input, pp_bytes(w.in.data, header), error);
    }
    if (rc == PP_OK) {
        fresh_name(name);
        rc = spool(input, &w, &e, header, name, error);
    }
    pp_buf_free(&w.in);
    pp_envelope_finish(&e);
    return rc;
}
