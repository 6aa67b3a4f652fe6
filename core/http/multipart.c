/*
 * multipart/form-data as a push parser and its writer; see multipart.h. A delimiter starts with CR
 * and has no other CR, so that octets held back while one may be arriving are always a prefix of
 * the delimiter itself: nothing of the body is ever kept. Pure.
 */
#include <http/multipart.h>
#include <http/parser_private.h>

#include <stdlib.h>

#define BOUNDARY_MAX 70 /* RFC 2046 section 5.1.1 */
#define HEADER_MAX 1024 /* octets of one part's header */

enum state { OPENING, DATA, AFTER, HEADER, CLOSING, CLOSED };

struct pp_multipart {
    struct pp_multipart_events events;
    void *ctx;
    enum state state;
    size_t matched;       /* octets of the delimiter seen, not yet known to be one */
    size_t owed_at, owed; /* a prefix of the delimiter that was data after all */
    size_t delimiter_len, header_len;
    uint8_t delimiter[4 + BOUNDARY_MAX]; /* CR LF "--" boundary */
    uint8_t header[HEADER_MAX];
};

static struct pp_bytes skip_space(struct pp_bytes s)
{
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }
    return s;
}

/* Takes `; name=value` off the front of *s; value a token or quoted-string without escapes. */
static int parameter(struct pp_bytes *s, struct pp_bytes *name, struct pp_bytes *value)
{
    struct pp_bytes at = skip_space(*s);
    if (at.len == 0 || at.data[0] != ';') {
        return PP_MALFORMED;
    }
    at = skip_space(pp_bytes(at.data + 1, at.len - 1));
    size_t n = 0;
    while (n < at.len && PP_IS_TOKEN(at.data[n])) {
        n++;
    }
    if (n == 0 || n + 1 >= at.len || at.data[n] != '=') {
        return PP_MALFORMED;
    }
    *name = pp_bytes(at.data, n);
    at = pp_bytes(at.data + n + 1, at.len - n - 1);
    bool quoted = at.data[0] == '"';
    size_t len = 0;
    if (quoted) {
        at = pp_bytes(at.data + 1, at.len - 1);
        while (len < at.len && at.data[len] != '"' && at.data[len] != '\\') {
            len++;
        }
    } else {
        while (len < at.len && PP_IS_TOKEN(at.data[len])) {
            len++;
        }
    }
    *value = pp_bytes(at.data, len);
    if (quoted ? len == at.len || at.data[len] != '"' : len == 0) {
        return PP_MALFORMED;
    }
    *s = pp_bytes(at.data + len + quoted, at.len - len - quoted);
    return 0;
}

/* The value of one parameter; white space alone may follow the last. ! PP_MALFORMED */
static int find_parameter(struct pp_bytes parameters, const char *wanted, struct pp_bytes *found)
{
    bool seen = false;
    while (skip_space(parameters).len > 0) {
        struct pp_bytes name, value;
        if (parameter(&parameters, &name, &value)) {
            return PP_MALFORMED;
        }
        if (pp_bytes_is_nocase(name, wanted)) {
            if (seen) {
                return PP_MALFORMED;
            }
            seen = true;
            *found = value;
        }
    }
    return seen ? 0 : PP_MALFORMED;
}

/* "type" then parameters; lends the parameters. */
static int after_type(struct pp_bytes value, const char *type, struct pp_bytes *parameters)
{
    size_t len = strlen(type);
    if (value.len < len || !pp_bytes_is_nocase(pp_bytes(value.data, len), type)) {
        return PP_MALFORMED;
    }
    *parameters = pp_bytes(value.data + len, value.len - len);
    return 0;
}

static bool boundary_ok(struct pp_bytes b)
{
    static const char others[] = "'()+_,-./:=? ";
    for (size_t i = 0; i < b.len; i++) {
        uint8_t c = b.data[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && !memchr(others, c, sizeof others - 1)) {
            return false;
        }
    }
    return b.len > 0 && b.len <= BOUNDARY_MAX && b.data[b.len - 1] != ' ';
}

int pp_multipart_create(struct pp_multipart **m, struct pp_bytes content_type,
                        const struct pp_multipart_events *events, void *ctx)
{
    struct pp_bytes parameters, boundary;
    if (after_type(content_type, "multipart/form-data", &parameters) ||
        find_parameter(parameters, "boundary", &boundary) || !boundary_ok(boundary)) {
        return PP_MALFORMED;
    }
    struct pp_multipart *made = calloc(1, sizeof *made);
    if (!made) {
        return PP_NOMEM;
    }
    made->events = *events;
    made->ctx = ctx;
    made->state = OPENING;
    made->matched = 2; /* the first delimiter needs no line end before it */
    memcpy(made->delimiter, "\r\n--", 4);
    memcpy(made->delimiter + 4, boundary.data, boundary.len);
    made->delimiter_len = 4 + boundary.len;
    *m = made;
    return 0;
}

void pp_multipart_destroy(struct pp_multipart *m)
{
    free(m);
}

/* One line of a part's header; *name is set by Content-Disposition. */
static int header_line(struct pp_bytes line, struct pp_bytes *name, bool *named)
{
    struct pp_field field;
    struct pp_bytes parameters;
    if (pp_parser_field(line, &field)) {
        return PP_MALFORMED;
    }
    if (!pp_bytes_is_nocase(field.name, "content-disposition")) {
        return 0;
    }
    if (*named || after_type(field.value, "form-data", &parameters) ||
        find_parameter(parameters, "name", name)) {
        return PP_MALFORMED;
    }
    *named = true;
    return 0;
}

/* The whole header of a part, its empty line included. */
static int begin_part(struct pp_multipart *m)
{
    struct pp_bytes name = {0};
    bool named = false;
    const uint8_t *at = m->header, *end = m->header + m->header_len - 2;
    while (at < end) {
        const uint8_t *lf = memchr(at, '\n', (size_t)(end - at));
        if (!lf || lf == at || lf[-1] != '\r' ||
            header_line(pp_bytes(at, (size_t)(lf - at - 1)), &name, &named)) {
            return PP_MALFORMED;
        }
        at = lf + 1;
    }
    m->state = DATA;
    return named ? m->events.part(m->ctx, name) : PP_MALFORMED;
}

static int header_octet(struct pp_multipart *m, uint8_t c)
{
    if (m->header_len == HEADER_MAX) {
        return PP_MALFORMED;
    }
    m->header[m->header_len++] = c;
    size_t n = m->header_len;
    const uint8_t *h = m->header;
    bool empty_line = n >= 2 && h[n - 2] == '\r' && c == '\n' && (n == 2 || h[n - 3] == '\n');
    return empty_line ? begin_part(m) : 0;
}

/* The two octets behind a delimiter: a line end opens a part, "--" closes the body. */
static int after_delimiter(struct pp_multipart *m, uint8_t c)
{
    m->header[m->header_len++] = c;
    if (m->header_len < 2) {
        return c == '\r' || c == '-' ? 0 : PP_MALFORMED;
    }
    bool opens = memcmp(m->header, "\r\n", 2) == 0;
    if (!opens && memcmp(m->header, "--", 2) != 0) {
        return PP_MALFORMED;
    }
    m->header_len = 0;
    m->state = opens ? HEADER : CLOSING;
    return 0;
}

/* At most one line end may follow the closing delimiter. */
static int epilogue(struct pp_multipart *m, uint8_t c)
{
    if (m->state == CLOSED || c != "\r\n"[m->header_len]) {
        return PP_MALFORMED;
    }
    if (++m->header_len == 2) {
        m->state = CLOSED;
    }
    return 0;
}

static void delimiter_done(struct pp_multipart *m)
{
    if (m->state == DATA) {
        m->events.part_end(m->ctx);
    }
    m->matched = 0;
    m->header_len = 0;
    m->state = AFTER;
}

/* Goes on with a delimiter begun in an earlier feed. */
static int match_on(struct pp_multipart *m, struct pp_bytes in, size_t *taken)
{
    while (*taken < in.len && m->matched < m->delimiter_len) {
        if (in.data[*taken] != m->delimiter[m->matched]) {
            if (m->state == OPENING) {
                return PP_MALFORMED;
            }
            m->owed_at = 0;
            m->owed = m->matched;
            m->matched = 0;
            return 0;
        }
        ++*taken;
        m->matched++;
    }
    if (m->matched == m->delimiter_len) {
        delimiter_done(m);
    }
    return 0;
}

/* How many octets are surely data; *partial: how many after them may begin a delimiter. */
static size_t data_span(const struct pp_multipart *m, struct pp_bytes in, size_t *partial)
{
    size_t at = 0;
    *partial = 0;
    while (at < in.len) {
        const uint8_t *cr = memchr(in.data + at, '\r', in.len - at);
        if (!cr) {
            break;
        }
        at = (size_t)(cr - in.data);
        size_t left = in.len - at;
        size_t n = left < m->delimiter_len ? left : m->delimiter_len;
        if (memcmp(cr, m->delimiter, n) == 0) {
            *partial = n;
            return at;
        }
        at++;
    }
    return in.len;
}

/* Data until a delimiter. Returns false when the receiver took fewer. */
static bool data(struct pp_multipart *m, struct pp_bytes in, size_t *taken)
{
    if (m->owed > 0) {
        size_t took = m->events.data(m->ctx, pp_bytes(m->delimiter + m->owed_at, m->owed));
        m->owed_at += took;
        m->owed -= took;
        return m->owed == 0;
    }
    size_t partial;
    struct pp_bytes rest = pp_bytes(in.data + *taken, in.len - *taken);
    size_t span = data_span(m, rest, &partial);
    size_t took = span > 0 ? m->events.data(m->ctx, pp_bytes(rest.data, span)) : 0;
    *taken += took;
    if (took < span) {
        return false;
    }
    *taken += partial;
    m->matched = partial;
    if (partial == m->delimiter_len) {
        delimiter_done(m);
    }
    return true;
}

int pp_multipart_feed(struct pp_multipart *m, struct pp_bytes in, size_t *taken)
{
    int err = 0;
    *taken = 0;
    while (err >= 0 && (*taken < in.len || m->owed > 0)) {
        switch (m->state) {
        case OPENING:
            err = match_on(m, in, taken);
            break;
        case DATA:
            if (m->matched > 0) {
                err = match_on(m, in, taken);
            } else if (!data(m, in, taken)) {
                return 0;
            }
            break;
        case AFTER:
            err = after_delimiter(m, in.data[(*taken)++]);
            break;
        case HEADER:
            err = header_octet(m, in.data[(*taken)++]);
            break;
        case CLOSING:
        case CLOSED:
            err = epilogue(m, in.data[(*taken)++]);
            break;
        }
    }
    return err < 0 ? err : 0;
}

int pp_multipart_end(struct pp_multipart *m)
{
    return m->state == CLOSED || (m->state == CLOSING && m->header_len == 0) ? 0 : PP_MALFORMED;
}

int pp_multipart_open_part(struct pp_buf *out, const char *boundary, const char *name,
                           const char *type, bool first)
{
    return pp_buf_printf(out,
                         "%s--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n"
                         "Content-Type: %s\r\n\r\n",
                         first ? "" : "\r\n", boundary, name, type);
}

int pp_multipart_close(struct pp_buf *out, const char *boundary)
{
    return pp_buf_printf(out, "\r\n--%s--\r\n", boundary);
}
