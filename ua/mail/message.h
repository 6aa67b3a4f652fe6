/*
 * RFC 5322 at the level of lines: what sending must add and strip, what delivery must add and
 * rename, and the few fields a notification carries. Every other octet stays as it is: NUL, lone
 * CR, 8-bit, over-long lines. Pure; it decodes nothing for display.
 */
#ifndef PP_MAIL_MESSAGE_H
#define PP_MAIL_MESSAGE_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

#define PP_HEADER_MAX ((size_t)1 << 20) /* a longer header is taken for body from there on */

/* One field, lent: raw has its line end and the continuation lines, value is what stands between
 * colon and final line end. A line that is no field has an empty name. */
struct pp_header_field {
    struct pp_bytes name, value, raw;
};

/* Octets of the header with the empty line that ends it. 0: not all here yet (never when `whole`).
 * A text whose first line is no field has no header at all: *length 0 and true. */
bool pp_header_length(struct pp_bytes text, bool whole, size_t *length);
/* Walks the header: *at starts at 0. False after the last field. */
bool pp_header_next(struct pp_bytes header, size_t *at, struct pp_header_field *field);
/* The first field of that name. */
bool pp_header_find(struct pp_bytes header, const char *name, struct pp_header_field *field);
/* The value without folds and outer white space, control octets as spaces, cut after `most` octets
 * with an ellipsis. */
void pp_header_text(struct pp_buf *out, struct pp_bytes value, size_t most);
/* All fields of that name in one such text, ", " between them; as To and Cc may be doubled. */
void pp_header_texts(struct pp_buf *out, struct pp_bytes header, const char *name, size_t most);
/* Each addr-spec of an address list (RFC 5322 section 3.4: groups, comments, quoted names), as
 * written. Stops at fn's first non-zero answer and returns it. */
int pp_header_addresses(struct pp_bytes value, int (*fn)(void *ctx, struct pp_bytes address),
                        void *ctx);

struct pp_prepare {
    struct pp_bytes sender;     /* for a missing From */
    int64_t date;               /* seconds, for a missing Date */
    struct pp_bytes message_id; /* without angle brackets, for a missing Message-ID */
};
/* What is sent in the place of this header (as pp_header_length found it): CRLF, no Bcc and no
 * Resent-Bcc, an mbox "From " line gone, the missing fields in front. ! PP_NOMEM */
int pp_message_prepare(struct pp_buf *out, struct pp_bytes header, const struct pp_prepare *p);

/* Line ends made CRLF, piece by piece. Zero-initialise. */
struct pp_crlf {
    bool cr; /* the last octet was a CR */
};
int pp_crlf_add(struct pp_crlf *state, struct pp_buf *out, struct pp_bytes in);

/* CRLF made LF, piece by piece; call with an empty `in` and `last` at the end. */
struct pp_lf {
    bool cr; /* a CR is held back */
};
int pp_lf_add(struct pp_lf *state, struct pp_buf *out, struct pp_bytes in, bool last);

struct pp_delivery {
    struct pp_bytes return_path, delivered_to; /* addresses */
    const char *authentication;                /* what stands in Authentication-Results */
};
/* The header as delivered: the three fields in front, those of the same names from outside renamed
 * X-Original-..., line ends LF. ! PP_NOMEM */
int pp_message_deliver(struct pp_buf *out, struct pp_bytes header, const struct pp_delivery *d);

/* "Wed, 25 Nov 2026 02:06:29 +0000" */
void pp_mail_date(char out[40], int64_t seconds);

#endif
