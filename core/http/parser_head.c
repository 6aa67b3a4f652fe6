/*
 * A whole request head: request line, fields, and what they say about the body's length (RFC 9112
 * sections 3, 5 and 6; RFC 9110 sections 7.2 and 10.1.1). Knows nothing of how it arrived. Pure.
 */
#include <http/parser_private.h>

#define T 1 | 2
#define V 2
#define P 2 | 4
#define TP 1 | 2 | 4
#define TPH 1 | 2 | 4 | 8
#define PH 2 | 4 | 8
#define VH 2 | 8
#define V16 V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V
/* clang-format off */
const uint8_t pp_http_class[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, V, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
/*  SP !    "  #  $    %    &    '    (  )  *    +    ,  -    .    /  */
    V, TP,  V, T, TP,  TPH, TP,  TP,  P, P, TP,  TP,  P, TPH, TPH, P,
/*  0    1    2    3    4    5    6    7    8    9    :   ;  <  =  >  ?  */
    TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, PH, P, V, P, V, P,
/*  @  A.. */
    P, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH,
/*                                                              [   \  ]   ^  _    */
    TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, VH, V, VH, T, TPH,
/*  `  a.. */
    T, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH,
/*                                                              {  |  }  ~    DEL */
    TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, TPH, V, T, V, TPH, 0,
    V16, V16, V16, V16, V16, V16, V16, V16,
};
/* clang-format on */
#undef T
#undef V
#undef P

/* What the framing fields said, before they are judged together. */
struct framing {
    const struct pp_field *host, *length, *coding;
    bool twice; /* one of those came twice */
    bool close, bad_expect;
};

static bool all(struct pp_bytes s, uint8_t mask)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!(pp_http_class[s.data[i]] & mask)) {
            return false;
        }
    }
    return true;
}

bool pp_field_value_ok(struct pp_bytes value)
{
    return all(value, 2u);
}

static struct pp_bytes trim(struct pp_bytes s)
{
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

bool pp_field_next(struct pp_bytes *rest, struct pp_bytes *member)
{
    if (rest->len == 0) {
        return false;
    }
    const uint8_t *comma = memchr(rest->data, ',', rest->len);
    size_t len = comma ? (size_t)(comma - rest->data) : rest->len;
    size_t skip = comma ? len + 1 : len;
    *member = trim(pp_bytes(rest->data, len));
    *rest = pp_bytes(rest->data + skip, rest->len - skip);
    return true;
}

bool pp_field_has_token(struct pp_bytes value, const char *token)
{
    struct pp_bytes member;
    while (pp_field_next(&value, &member)) {
        if (pp_bytes_is_nocase(member, token)) {
            return true;
        }
    }
    return false;
}

int pp_parser_field(struct pp_bytes line, struct pp_field *field)
{
    size_t colon = 0;
    while (colon < line.len && PP_IS_TOKEN(line.data[colon])) {
        colon++;
    }
    if (colon == 0 || colon == line.len || line.data[colon] != ':') {
        return PP_MALFORMED;
    }
    field->name = pp_bytes(line.data, colon);
    field->value = trim(pp_bytes(line.data + colon + 1, line.len - colon - 1));
    return pp_field_value_ok(field->value) ? 0 : PP_MALFORMED;
}

/* uri-host [":" port]; the characters only, no name is looked up from it. */
static bool host_ok(struct pp_bytes host)
{
    if (host.len == 0 || !all(host, 8u)) {
        return false;
    }
    size_t colons = 0, brackets = 0;
    for (size_t i = 0; i < host.len; i++) {
        colons += host.data[i] == ':';
        brackets += host.data[i] == '[' || host.data[i] == ']';
    }
    return host.data[0] == '[' ? brackets == 2
                               : brackets == 0 && colons <= 1 && host.data[0] != ':';
}

/* absolute-form (RFC 9112 section 3.2.2): its authority replaces Host. Leaves the origin-form. */
static int absolute(struct pp_bytes *target, struct pp_bytes *authority)
{
    size_t scheme = target->len > 7 && pp_bytes_is_nocase(pp_bytes(target->data, 7), "http://") ? 7
                    : target->len > 8 && pp_bytes_is_nocase(pp_bytes(target->data, 8), "https://")
                        ? 8
                        : 0;
    if (scheme == 0) {
        return PP_MALFORMED;
    }
    struct pp_bytes rest = pp_bytes(target->data + scheme, target->len - scheme);
    size_t len = 0;
    while (len < rest.len && rest.data[len] != '/' && rest.data[len] != '?') {
        len++;
    }
    *authority = pp_bytes(rest.data, len);
    *target = pp_bytes(rest.data + len, rest.len - len);
    return host_ok(*authority) ? 0 : PP_MALFORMED;
}

static int target(struct pp_bytes t, struct pp_parsed *out)
{
    struct pp_request_head *head = &out->head;
    if (t.len == 0 || !all(t, 4u)) {
        return pp_parser_refuse(out, 400, "The request target holds an octet that no URI may.");
    }
    if (t.data[0] != '/' && absolute(&t, &head->host)) {
        return pp_parser_refuse(out, 400, "The request target is neither a path nor an http URI.");
    }
    const uint8_t *query = t.len > 0 ? memchr(t.data, '?', t.len) : NULL;
    size_t len = query ? (size_t)(query - t.data) : t.len;
    head->path = len > 0 ? pp_bytes(t.data, len) : pp_bytes("/", 1);
    head->has_query = query != NULL;
    head->query = query ? pp_bytes(query + 1, t.len - len - 1) : pp_bytes(NULL, 0);
    return 0;
}

static int request_line(struct pp_bytes line, struct pp_parsed *out)
{
    const uint8_t *end = line.data + line.len;
    const uint8_t *space = memchr(line.data, ' ', line.len);
    const uint8_t *second = space ? memchr(space + 1, ' ', (size_t)(end - space - 1)) : NULL;
    if (!second) {
        return pp_parser_refuse(out, 400, "The request line is not METHOD TARGET HTTP/1.1.");
    }
    struct pp_bytes method = pp_bytes(line.data, (size_t)(space - line.data));
    struct pp_bytes version = pp_bytes(second + 1, (size_t)(end - second - 1));
    if (method.len == 0 || !all(method, 1u)) {
        return pp_parser_refuse(out, 400, "The request's method is malformed.");
    }
    if (version.len != 8 || memcmp(version.data, "HTTP/1.", 7) != 0 || version.data[7] < '0' ||
        version.data[7] > '9') {
        return pp_parser_refuse(out, 400, "The protocol version is not HTTP/1.0 or HTTP/1.1.");
    }
    out->head.method = method;
    out->head.minor = (unsigned)(version.data[7] - '0');
    return target(pp_bytes(space + 1, (size_t)(second - space - 1)), out);
}

static void single(const struct pp_field **slot, const struct pp_field *field, struct framing *f)
{
    f->twice |= *slot != NULL;
    *slot = field;
}

/* Notes a field that bears on framing; by length first, for most fields are none of these. */
static void note(const struct pp_field *field, struct framing *f, struct pp_request_head *head)
{
    switch (field->name.len) {
    case 4:
        if (pp_bytes_is_nocase(field->name, "host")) {
            single(&f->host, field, f);
        }
        break;
    case 6:
        if (pp_bytes_is_nocase(field->name, "expect")) {
            head->expect_continue = pp_bytes_is_nocase(field->value, "100-continue");
            f->bad_expect |= !head->expect_continue;
        }
        break;
    case 10:
        if (pp_bytes_is_nocase(field->name, "connection")) {
            f->close |= pp_field_has_token(field->value, "close");
        }
        break;
    case 14:
        if (pp_bytes_is_nocase(field->name, "content-length")) {
            single(&f->length, field, f);
        }
        break;
    case 17:
        if (pp_bytes_is_nocase(field->name, "transfer-encoding")) {
            single(&f->coding, field, f);
        }
        break;
    }
}

/* 1*DIGIT and nothing else; too large for 63 bits counts as malformed. */
static int content_length(struct pp_bytes value, int64_t *length)
{
    int64_t n = 0;
    if (value.len == 0 || value.len > 18) {
        return PP_MALFORMED;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return PP_MALFORMED;
        }
        n = n * 10 + (value.data[i] - '0');
    }
    *length = n;
    return 0;
}

/* RFC 9112 section 6.3, without its lenient branches. */
static int body_length(struct pp_parser *p, const struct pp_parser_limits *limits,
                       const struct framing *f, struct pp_parsed *out)
{
    struct pp_request_head *head = &out->head;
    head->length = 0;
    if (f->length && f->coding) {
        return pp_parser_refuse(out, 400,
                                "Content-Length and Transfer-Encoding exclude each other.");
    }
    if (f->coding) {
        if (head->minor == 0 || !pp_bytes_is_nocase(f->coding->value, "chunked")) {
            return pp_parser_refuse(out, 400, "Transfer-Encoding may only be \"chunked\" here.");
        }
        head->length = -1;
    }
    if (f->length && content_length(f->length->value, &head->length)) {
        return pp_parser_refuse(out, 400, "Content-Length is not a plain decimal number.");
    }
    if (head->length > 0 && (uint64_t)head->length > limits->body) {
        return pp_parser_refuse(out, 413, "The body is larger than this server takes.");
    }
    p->chunked = head->length < 0;
    p->left = head->length > 0 ? (uint64_t)head->length : 0;
    p->total = 0;
    p->digits = 0;
    return 0;
}

static int judge(struct pp_parser *p, const struct pp_parser_limits *limits,
                 const struct framing *f, struct pp_parsed *out)
{
    struct pp_request_head *head = &out->head;
    if (f->twice) {
        return pp_parser_refuse(
            out, 400, "Host, Content-Length and Transfer-Encoding may come only once each.");
    }
    if (!f->host && head->minor > 0) {
        return pp_parser_refuse(out, 400, "The request has no Host field.");
    }
    if (f->host && !host_ok(f->host->value)) {
        return pp_parser_refuse(out, 400, "The Host field is malformed.");
    }
    if (f->host && head->host.len == 0) {
        head->host = f->host->value;
    }
    if (f->bad_expect) {
        return pp_parser_refuse(out, 417, "Only the expectation 100-continue is known here.");
    }
    head->expect_continue &= head->minor > 0;
    p->keep_alive = head->minor > 0 && !f->close;
    return body_length(p, limits, f, out);
}

int pp_parser_head(struct pp_parser *p, const struct pp_parser_limits *limits, struct pp_bytes head,
                   struct pp_parsed *out)
{
    const uint8_t *at = head.data, *end = head.data + head.len - 2; /* the empty line */
    struct framing f = {0};
    memset(&out->head, 0, sizeof out->head);
    for (size_t n = 0; at < end; n++) {
        const uint8_t *lf = memchr(at, '\n', (size_t)(end - at)); /* each line has one: scanned */
        struct pp_bytes line = pp_bytes(at, (size_t)(lf - at - 1));
        if (n == 0) {
            int err = request_line(line, out);
            if (err) {
                return err;
            }
        } else {
            if (n > PP_FIELDS_MAX || n > limits->fields) {
                return pp_parser_refuse(out, 431, "The request has too many header fields.");
            }
            if (pp_parser_field(line, &out->fields[n - 1])) {
                return pp_parser_refuse(out, 400, "A header field is malformed.");
            }
            note(&out->fields[n - 1], &f, &out->head);
            out->head.n_fields = n;
        }
        at = lf + 1;
    }
    out->head.fields = out->fields;
    return judge(p, limits, &f, out);
}
