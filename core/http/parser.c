/*
 * The push parser's order of things: where a head ends, then the body's framing (RFC 9112 sections
 * 2, 6 and 7). What stands in a head is parser_head.c's. Pure.
 */
#include <http/parser_private.h>

enum state {
    HEAD,
    LENGTH,
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_LF,
    CHUNK_DATA,
    DATA_CR,
    DATA_LF,
    TRAILER,
    TRAILER_LF,
    END
};

void pp_parser_limits_default(struct pp_parser_limits *limits)
{
    *limits = (struct pp_parser_limits){.line = 8192,
                                        .header = 32768,
                                        .fields = PP_FIELDS_MAX,
                                        .chunk_extension = 256,
                                        .trailers = 1024,
                                        .body = 72ull << 20};
}

void pp_parser_reset(struct pp_parser *p)
{
    *p = (struct pp_parser){.state = HEAD};
}

bool pp_parser_in_head(const struct pp_parser *p)
{
    return p->state == HEAD;
}

uint64_t pp_parser_left(const struct pp_parser *p)
{
    return p->state == END ? 0 : p->left;
}

int pp_parser_refuse(struct pp_parsed *out, int status, const char *why)
{
    out->status = status;
    out->why = why;
    return PP_MALFORMED;
}

/* A line of the head ended at octet `lf`. Returns 1 when it was the empty one that ends it. */
static int head_line(struct pp_parser *p, const struct pp_parser_limits *limits, struct pp_bytes in,
                     size_t lf, struct pp_parsed *out)
{
    if (lf == p->line || in.data[lf - 1] != '\r') {
        return pp_parser_refuse(out, 400, "A line of the header does not end in CR LF.");
    }
    bool empty = lf - 1 == p->line;
    if (empty && p->lines > 0) {
        return 1;
    }
    if (empty && p->line > 0) {
        return pp_parser_refuse(out, 400, "There are empty lines before the request.");
    }
    p->lines = (uint16_t)(p->lines + !empty); /* one empty line before: RFC 9112 section 2.2 */
    p->line = (uint32_t)(lf + 1);
    if (p->lines > 1 && p->lines - 1u > limits->fields) {
        return pp_parser_refuse(out, 431, "The request has too many header fields.");
    }
    return 0;
}

/* Looks at new octets alone, so a head that drips in costs no more than one that comes whole. */
static int scan_head(struct pp_parser *p, const struct pp_parser_limits *limits, struct pp_bytes in,
                     struct pp_parsed *out)
{
    if (in.len > 0 && !PP_IS_TOKEN(in.data[0]) && in.data[0] != '\r') {
        return pp_parser_refuse(out, 400, "This does not begin like an HTTP request.");
    }
    while (p->scanned < in.len) {
        const uint8_t *lf = memchr(in.data + p->scanned, '\n', in.len - p->scanned);
        size_t upto = lf ? (size_t)(lf - in.data) : in.len;
        if (p->lines == 0 && upto - p->line > limits->line + 1) {
            return pp_parser_refuse(out, 414, "The request line is too long.");
        }
        if (upto > limits->header) {
            return pp_parser_refuse(out, 431, "The request's header is too long.");
        }
        if (!lf) {
            p->scanned = (uint32_t)upto;
            return PP_PARSE_MORE;
        }
        int ended = head_line(p, limits, in, upto, out);
        p->scanned = (uint32_t)(upto + 1);
        if (ended != 0) {
            return ended;
        }
    }
    return PP_PARSE_MORE;
}

static int next_head(struct pp_parser *p, const struct pp_parser_limits *limits, struct pp_bytes in,
                     size_t *used, struct pp_parsed *out)
{
    int ended = scan_head(p, limits, in, out);
    if (ended <= 0) {
        return ended;
    }
    size_t skip = in.data[0] == '\r' && in.data[1] == '\n' ? 2 : 0;
    size_t len = p->scanned;
    int err = pp_parser_head(p, limits, pp_bytes(in.data + skip, len - skip), out);
    if (err) {
        return err;
    }
    *used = len;
    p->count = 0;
    p->state = p->chunked ? CHUNK_SIZE : p->left > 0 ? LENGTH : END;
    return PP_PARSE_HEAD;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* After the size: CR, or white space and a semicolon that begin an extension. */
static int chunk_size(struct pp_parser *p, uint8_t c, struct pp_parsed *out)
{
    int digit = hex_digit(c);
    if (digit >= 0) {
        if (p->digits == 15) { /* 60 bits: beyond any limit, and no overflow */
            return pp_parser_refuse(out, 400, "The size of a chunk has too many digits.");
        }
        p->left = p->left << 4 | (uint64_t)digit;
        p->digits++;
        return 0;
    }
    if (p->digits == 0) {
        return pp_parser_refuse(out, 400, "A chunk does not begin with its size.");
    }
    p->count = 0;
    if (c == '\r') {
        p->state = CHUNK_LF;
        return 0;
    }
    if (c != ';' && c != ' ' && c != '\t') {
        return pp_parser_refuse(out, 400, "The line of a chunk's size is malformed.");
    }
    p->digits = c == ';' ? UINT8_MAX : p->digits; /* white space may only lead to a semicolon */
    p->state = CHUNK_EXTENSION;
    return 0;
}

static int chunk_extension(struct pp_parser *p, const struct pp_parser_limits *limits, uint8_t c,
                           struct pp_parsed *out)
{
    bool started = p->digits == UINT8_MAX;
    if (c == '\r' && started) {
        p->state = CHUNK_LF;
        return 0;
    }
    if (!PP_IS_VALUE(c) || (!started && c != ';' && c != ' ' && c != '\t')) {
        return pp_parser_refuse(out, 400, "The extension of a chunk is malformed.");
    }
    if (c == ';') {
        p->digits = UINT8_MAX;
    }
    if (++p->count >= limits->chunk_extension) {
        return pp_parser_refuse(out, 400, "The extension of a chunk is too long.");
    }
    return 0;
}

static int chunk_begins(struct pp_parser *p, const struct pp_parser_limits *limits, uint8_t c,
                        struct pp_parsed *out)
{
    if (c != '\n') {
        return pp_parser_refuse(out, 400, "The line of a chunk's size does not end in CR LF.");
    }
    if (p->left > limits->body || p->total > limits->body - p->left) {
        return pp_parser_refuse(out, 413, "The body is larger than this server takes.");
    }
    p->total += p->left;
    p->digits = 0;
    p->count = 0;
    p->line = 0; /* octets of this trailer line */
    p->state = p->left > 0 ? CHUNK_DATA : TRAILER;
    return 0;
}

/* Trailer fields are dropped, but their lines must be legal: a colon after a token, no controls. */
static int trailer(struct pp_parser *p, const struct pp_parser_limits *limits, uint8_t c,
                   struct pp_parsed *out)
{
    enum { NAME = 0, VALUE = 1 };
    if (++p->count > limits->trailers) {
        return pp_parser_refuse(out, 400, "The trailer section is too long.");
    }
    if (c == '\r' && (p->line == 0 || p->digits == VALUE)) {
        p->state = TRAILER_LF;
        return 0;
    }
    if (c == ':' && p->digits == NAME && p->line > 0) {
        p->digits = VALUE;
    } else if (p->digits == NAME ? !PP_IS_TOKEN(c) : !PP_IS_VALUE(c)) {
        return pp_parser_refuse(out, 400, "A trailer field is malformed.");
    }
    p->line++;
    return 0;
}

static int trailer_ends(struct pp_parser *p, uint8_t c, struct pp_parsed *out)
{
    if (c != '\n') {
        return pp_parser_refuse(out, 400, "A line of the trailer section does not end in CR LF.");
    }
    p->state = p->line == 0 ? END : TRAILER;
    p->line = 0;
    p->digits = 0;
    return 0;
}

static int data_ends(struct pp_parser *p, uint8_t c, struct pp_parsed *out)
{
    if (c != (p->state == DATA_CR ? '\r' : '\n')) {
        return pp_parser_refuse(out, 400, "The data of a chunk do not end where its size says.");
    }
    p->state = p->state == DATA_CR ? DATA_LF : CHUNK_SIZE;
    return 0;
}

static int framing(struct pp_parser *p, const struct pp_parser_limits *limits, uint8_t c,
                   struct pp_parsed *out)
{
    switch ((enum state)p->state) {
    case CHUNK_SIZE:
        return chunk_size(p, c, out);
    case CHUNK_EXTENSION:
        return chunk_extension(p, limits, c, out);
    case CHUNK_LF:
        return chunk_begins(p, limits, c, out);
    case DATA_CR:
    case DATA_LF:
        return data_ends(p, c, out);
    case TRAILER:
        return trailer(p, limits, c, out);
    case TRAILER_LF:
        return trailer_ends(p, c, out);
    case HEAD:
    case LENGTH:
    case CHUNK_DATA:
    case END:
        break;
    }
    return 0;
}

static bool in_data(const struct pp_parser *p)
{
    return p->state == LENGTH || p->state == CHUNK_DATA;
}

int pp_parser_next(struct pp_parser *p, const struct pp_parser_limits *limits, struct pp_bytes in,
                   size_t *used, struct pp_parsed *out)
{
    *used = 0;
    if (p->state == HEAD) {
        return next_head(p, limits, in, used, out);
    }
    while (p->state != END && !in_data(p)) {
        if (*used == in.len) {
            return PP_PARSE_MORE;
        }
        int err = framing(p, limits, in.data[*used], out);
        if (err) {
            return err;
        }
        ++*used;
    }
    if (p->state == END) {
        return PP_PARSE_END;
    }
    size_t have = in.len - *used;
    out->body = pp_bytes(in.data + *used, have < p->left ? have : (size_t)p->left);
    return have > 0 ? PP_PARSE_BODY : PP_PARSE_MORE;
}

void pp_parser_took(struct pp_parser *p, size_t n)
{
    p->left -= n < p->left ? n : p->left;
    if (p->left == 0 && in_data(p)) {
        p->state = p->state == LENGTH ? END : DATA_CR;
    }
}
