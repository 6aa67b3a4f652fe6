/*
 * A strict push parser for HTTP/1.1 requests (RFC 9112): octets in, events out. Pure: no memory, no
 * socket, no clock. What RFC 9112 leaves to leniency is refused here (bare LF, obs-fold, space
 * before a colon, two lengths ...): two readers of the same octets must never see two different
 * requests. It keeps a few numbers a connection and lends everything from the octets it was given.
 */
#ifndef PP_HTTP_PARSER_H
#define PP_HTTP_PARSER_H

#include <http/message.h>

struct pp_parser_limits {
    size_t line;            /* octets of the request line; more: 414 */
    size_t header;          /* octets of the whole head; more: 431 */
    size_t fields;          /* at most PP_FIELDS_MAX; more: 431 */
    size_t chunk_extension; /* octets a chunk; more: 400 */
    size_t trailers;        /* octets of the trailer section; more: 400 */
    uint64_t body;          /* decoded octets; more: 413 */
};
/* The numbers of docs/security.md: 8 KiB, 32 KiB, 64, 256, 1 KiB, 72 MiB. */
void pp_parser_limits_default(struct pp_parser_limits *limits);

/* Zero-initialise, or pp_parser_reset between requests. Private but for `keep_alive`. */
struct pp_parser {
    uint64_t left;    /* octets of the body or chunk still to come */
    uint64_t total;   /* decoded body octets announced so far (chunked) */
    uint32_t scanned; /* octets of the head already looked at */
    uint32_t line;    /* where the line being read begins */
    uint16_t lines;   /* of the head */
    uint16_t count;   /* octets of the line or section being read */
    uint8_t state;
    uint8_t digits;
    bool chunked;
    bool keep_alive; /* valid from PP_PARSE_HEAD on: may another request follow? */
};

enum pp_parse {
    PP_PARSE_MORE, /* nothing until more octets come */
    PP_PARSE_HEAD, /* `head` is filled in */
    PP_PARSE_BODY, /* `body` lies at in.data + used: see pp_parser_took */
    PP_PARSE_END   /* the request is complete; what follows belongs to the next */
};

struct pp_parsed {
    struct pp_request_head head; /* its pointers lend from `in` and from `fields` */
    struct pp_field fields[PP_FIELDS_MAX];
    struct pp_bytes body;
    int status;      /* of a refusal: 400, 413, 414, 417, 431 */
    const char *why; /* of a refusal: one sentence for the answer */
};

void pp_parser_reset(struct pp_parser *p);

/* Takes *used octets of `in` and returns the next event, or PP_MALFORMED with out->status and
 * out->why; after that the connection is past use. Until PP_PARSE_HEAD nothing is taken: give the
 * same octets again with more behind them. For a body, *used counts only the framing before it. */
int pp_parser_next(struct pp_parser *p, const struct pp_parser_limits *limits, struct pp_bytes in,
                   size_t *used, struct pp_parsed *out);

/* The caller has taken n octets of the body just shown (n <= body.len). */
void pp_parser_took(struct pp_parser *p, size_t n);

/* Body octets still to come as far as known: all with Content-Length, this chunk's if chunked. */
uint64_t pp_parser_left(const struct pp_parser *p);
bool pp_parser_in_head(const struct pp_parser *p);

/* Is it a legal field value (no control octet but HTAB)? For what an answer's fields quote. */
bool pp_field_value_ok(struct pp_bytes value);
/* Takes the next member off a comma-separated field value, without the blanks around it; it may be
 * empty. False: there is none left. */
bool pp_field_next(struct pp_bytes *rest, struct pp_bytes *member);
/* Does a comma-separated field value hold this token (case-insensitive)? */
bool pp_field_has_token(struct pp_bytes value, const char *token);

#endif
