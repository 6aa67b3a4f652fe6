/*
 * A spooled message's first lines: who sends it to whom since when, then an empty line, then the
 * message as it will be signed. Pure.
 */
#ifndef PP_MAIL_ENVELOPE_H
#define PP_MAIL_ENVELOPE_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

#define PP_RECIPIENTS_MAX 10000

struct pp_envelope_recipient {
    struct pp_buf address; /* normal form */
    bool bcc;              /* named in no header: an object of its own */
};

struct pp_envelope {
    struct pp_buf from;
    int64_t created; /* seconds */
    struct pp_envelope_recipient *recipients;
    size_t n_recipients;
};

/* Adds a recipient, or makes a known one visible (`bcc` false wins). ! PP_NOMEM, PP_TOO_BIG */
int pp_envelope_add(struct pp_envelope *e, struct pp_bytes address, bool bcc);
int pp_envelope_write(struct pp_buf *out, const struct pp_envelope *e);
/* *length: octets up to the message. ! PP_MALFORMED (also: the end is not in these octets) */
int pp_envelope_read(struct pp_envelope *e, struct pp_bytes in, size_t *length);
void pp_envelope_finish(struct pp_envelope *e);

#endif
