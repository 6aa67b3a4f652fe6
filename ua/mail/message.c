/*
 * Header lines of RFC 5322; see message.h. It must not know of networks, keys or folders.
 */
#include <mail/message.h>

#include <stdio.h>
#include <strings.h>
#include <time.h>

/* Octets of the line that starts here, line end included. */
static size_t line_length(struct pp_bytes in, size_t at)
{
    const uint8_t *end = at < in.len ? memchr(in.data + at, '\n', in.len - at) : NULL;
    return end ? (size_t)(end - (in.data + at)) + 1 : in.len - at;
}

/* Octets of the name when a field starts here (RFC 5322 section 2.2; white space before the colon
 * as in the obsolete syntax), else 0. */
static size_t name_length(struct pp_bytes in, size_t at)
{
    size_t n = 0;
    while (at + n < in.len && in.data[at + n] > ' ' && in.data[at + n] < 0x7f &&
           in.data[at + n] != ':') {
        n++;
    }
    size_t colon = at + n;
    while (colon < in.len && (in.data[colon] == ' ' || in.data[colon] == '\t')) {
        colon++;
    }
    return n && colon < in.len && in.data[colon] == ':' ? n : 0;
}

static bool is_blank(struct pp_bytes in, size_t at, size_t len)
{
    return (len == 1 && in.data[at] == '\n') ||
           (len == 2 && in.data[at] == '\r' && in.data[at + 1] == '\n');
}

static bool starts(struct pp_bytes in, const char *with)
{
    size_t len = strlen(with);
    return in.len >= len && memcmp(in.data, with, len) == 0;
}

static bool is_mbox_line(struct pp_bytes in)
{
    return starts(in, "From ") || starts(in, ">From ");
}

bool pp_header_length(struct pp_bytes text, bool whole, size_t *length)
{
    size_t at = 0, first = line_length(text, 0);
    whole |= text.len >= PP_HEADER_MAX;
    *length = 0;
    if (!whole && (text.len == 0 || text.data[text.len - 1] != '\n') && first == text.len) {
        return false;
    }
    if (text.len && is_mbox_line(text)) {
        at = first;
    } else if (!name_length(text, 0)) {
        return true;
    }
    while (at < text.len) {
        size_t len = line_length(text, at);
        at += len;
        if (is_blank(text, at - len, len)) {
            *length = at;
            return true;
        }
    }
    *length = whole ? text.len : 0;
    return whole;
}

bool pp_header_next(struct pp_bytes header, size_t *at, struct pp_header_field *field)
{
    size_t start = *at, len = line_length(header, start);
    if (start >= header.len || is_blank(header, start, len)) {
        return false;
    }
    size_t name = name_length(header, start), end = start + len;
    while (end < header.len && (header.data[end] == ' ' || header.data[end] == '\t')) {
        end += line_length(header, end);
    }
    const uint8_t *from = header.data + start;
    size_t value = name;
    while (name && from[value] != ':') {
        value++;
    }
    value += name > 0;
    size_t stop = end - start;
    stop -= stop > value && from[stop - 1] == '\n';
    stop -= stop > value && from[stop - 1] == '\r';
    *field = (struct pp_header_field){
        .name = pp_bytes(from, name),
        .value = pp_bytes(from + value, stop - value),
        .raw = pp_bytes(from, end - start),
    };
    *at = end;
    return true;
}

bool pp_header_find(struct pp_bytes header, const char *name, struct pp_header_field *field)
{
    size_t at = 0;
    while (pp_header_next(header, &at, field)) {
        if (pp_bytes_is_nocase(field->name, name)) {
            return true;
        }
    }
    return false;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Cuts `out` back to `most` octets since `start`, on a UTF-8 boundary, and says so. */
static void cut(struct pp_buf *out, size_t start, size_t most)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    if (out->len - start <= most) {
        return;
    }
    size_t end = start + most - 3;
    while (end > start && (out->data[end] & 0xc0) == 0x80) {
        end--;
    }
    out->len = end;
    pp_buf_add_str(out, ellipsis);
}

void pp_header_text(struct pp_buf *out, struct pp_bytes value, size_t most)
{
    size_t start = out->len;
    while (value.len && is_space(value.data[0])) {
        value.data++;
        value.len--;
    }
    while (value.len && is_space(value.data[value.len - 1])) {
        value.len--;
    }
    for (size_t i = 0; i < value.len && out->len - start <= most; i++) {
        uint8_t c = value.data[i];
        if (c == '\r' || c == '\n') {
            continue; /* a fold's white space follows */
        }
        c = c < ' ' || c == 0x7f ? ' ' : c;
        pp_buf_add(out, &c, 1);
    }
    cut(out, start, most);
}

void pp_header_texts(struct pp_buf *out, struct pp_bytes header, const char *name, size_t most)
{
    struct pp_header_field field;
    size_t at = 0, start = out->len;
    while (pp_header_next(header, &at, &field) && out->len - start <= most) {
        if (pp_bytes_is_nocase(field.name, name)) {
            pp_buf_add_str(out, out->len > start ? ", " : "");
            pp_header_text(out, field.value, most);
        }
    }
    cut(out, start, most);
}

/* One address while it is read: the octets of the addr-spec, the last thing in angle brackets or
 * else all outside comments. */
struct address {
    char text[512];
    size_t len;
    bool angle, done, too_long;
};

static void address_add(struct address *a, uint8_t c)
{
    if (a->len + 1 < sizeof a->text) {
        a->text[a->len++] = (char)c;
    } else {
        a->too_long = true;
    }
}

static int address_end(struct address *a, int (*fn)(void *ctx, struct pp_bytes address), void *ctx)
{
    int rc = 0;
    if (a->len && !a->too_long && memchr(a->text, '@', a->len)) {
        rc = fn(ctx, pp_bytes(a->text, a->len));
    }
    *a = (struct address){0};
    return rc;
}

/* Skips a comment (it may nest) or copies a quoted string; returns the offset after it. */
static size_t skip_comment(struct pp_bytes in, size_t at)
{
    unsigned depth = 0;
    for (; at < in.len; at++) {
        if (in.data[at] == '\\') {
            at++;
        } else if (in.data[at] == '(') {
            depth++;
        } else if (in.data[at] == ')' && --depth == 0) {
            return at + 1;
        }
    }
    return in.len;
}

static size_t copy_quoted(struct address *a, struct pp_bytes in, size_t at)
{
    address_add(a, in.data[at++]);
    while (at < in.len) {
        uint8_t c = in.data[at++];
        if (c == '\r' || c == '\n') {
            continue;
        }
        address_add(a, c);
        if (c == '\\' && at < in.len) {
            address_add(a, in.data[at++]);
        } else if (c == '"') {
            break;
        }
    }
    return at;
}

int pp_header_addresses(struct pp_bytes in, int (*fn)(void *ctx, struct pp_bytes address),
                        void *ctx)
{
    struct address a = {0};
    int rc = 0;
    for (size_t i = 0; i < in.len && rc == 0;) {
        uint8_t c = in.data[i];
        if (c == '(') {
            i = skip_comment(in, i);
            continue;
        }
        if (c == '"' && !a.done) {
            i = copy_quoted(&a, in, i);
            continue;
        }
        i++;
        if (c == '<') {
            a = (struct address){.angle = true};
        } else if (c == '>') {
            a.done = true;
        } else if (c == ',' || c == ';') {
            rc = address_end(&a, fn, ctx);
        } else if (c == ':' && !a.done) {
            a = (struct address){.angle = a.angle}; /* a group's name, or a source route */
        } else if (!is_space(c) && !a.done) {
            address_add(&a, c);
        }
    }
    return rc ? rc : address_end(&a, fn, ctx);
}

int pp_crlf_add(struct pp_crlf *state, struct pp_buf *out, struct pp_bytes in)
{
    for (size_t i = 0; i < in.len;) {
        const uint8_t *lf = memchr(in.data + i, '\n', in.len - i);
        size_t n = lf ? (size_t)(lf - (in.data + i)) : in.len - i;
        pp_buf_add(out, in.data + i, n);
        bool cr = n ? in.data[i + n - 1] == '\r' : state->cr;
        state->cr = cr && !lf;
        i += n;
        if (lf) {
            pp_buf_add(out, cr ? "\n" : "\r\n", cr ? 1 : 2);
            i++;
        }
    }
    return out->failed ? PP_NOMEM : PP_OK;
}

int pp_lf_add(struct pp_lf *state, struct pp_buf *out, struct pp_bytes in, bool last)
{
    for (size_t i = 0; i < in.len;) {
        if (state->cr) {
            state->cr = false;
            if (in.data[i] != '\n') {
                pp_buf_add(out, "\r", 1);
            }
        }
        const uint8_t *cr = memchr(in.data + i, '\r', in.len - i);
        size_t n = cr ? (size_t)(cr - (in.data + i)) : in.len - i;
        pp_buf_add(out, in.data + i, n);
        i += n;
        if (cr) {
            state->cr = true;
            i++;
        }
    }
    if (last && state->cr) {
        state->cr = false;
        pp_buf_add(out, "\r", 1);
    }
    return out->failed ? PP_NOMEM : PP_OK;
}

void pp_mail_date(char out[40], int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || strftime(out, 40, "%a, %d %b %Y %H:%M:%S +0000", &tm) == 0) {
        snprintf(out, 40, "Thu, 01 Jan 1970 00:00:00 +0000");
    }
}

static void add_missing(struct pp_buf *out, struct pp_bytes header, const struct pp_prepare *p)
{
    struct pp_header_field field;
    char date[40];
    if (!pp_header_find(header, "From", &field)) {
        pp_buf_printf(out, "From: %.*s\r\n", (int)p->sender.len, (const char *)p->sender.data);
    }
    if (!pp_header_find(header, "Date", &field)) {
        pp_mail_date(date, p->date);
        pp_buf_printf(out, "Date: %s\r\n", date);
    }
    if (!pp_header_find(header, "Message-ID", &field)) {
        pp_buf_printf(out, "Message-ID: <%.*s>\r\n", (int)p->message_id.len,
                      (const char *)p->message_id.data);
    }
}

int pp_message_prepare(struct pp_buf *out, struct pp_bytes header, const struct pp_prepare *p)
{
    struct pp_header_field field;
    struct pp_crlf crlf = {0};
    if (is_mbox_line(header)) {
        size_t n = line_length(header, 0);
        header = pp_bytes(header.data + n, header.len - n);
    }
    add_missing(out, header, p);
    if (!header.len) {
        pp_buf_add_str(out, "\r\n"); /* all is body */
    }
    size_t at = 0;
    while (pp_header_next(header, &at, &field)) {
        if (!pp_bytes_is_nocase(field.name, "Bcc") &&
            !pp_bytes_is_nocase(field.name, "Resent-Bcc")) {
            pp_crlf_add(&crlf, out, field.raw);
        }
    }
    return pp_crlf_add(&crlf, out, pp_bytes(header.data + at, header.len - at));
}

int pp_message_deliver(struct pp_buf *out, struct pp_bytes header, const struct pp_delivery *d)
{
    static const char *const ours[] = {"Return-Path", "Delivered-To", "Authentication-Results"};
    struct pp_header_field field;
    struct pp_lf lf = {0};
    pp_buf_printf(out, "Return-Path: <%.*s>\nDelivered-To: %.*s\nAuthentication-Results: %s\n",
                  (int)d->return_path.len, (const char *)d->return_path.data,
                  (int)d->delivered_to.len, (const char *)d->delivered_to.data, d->authentication);
    size_t at = 0;
    while (pp_header_next(header, &at, &field)) {
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
            if (pp_bytes_is_nocase(field.name, ours[i])) {
                pp_buf_add_str(out, "X-Original-");
            }
        }
        pp_lf_add(&lf, out, field.raw, true);
    }
    return pp_lf_add(&lf, out, pp_bytes(header.data + at, header.len - at), true);
}
