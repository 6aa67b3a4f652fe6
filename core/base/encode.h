/*
 * Text encodings of octets: base64 and base64url (RFC 4648 sections 4 and 5), base32 in lower case
 * without padding (section 6), percent-encoding of identifiers (RFC 3986; unreserved and "@" stay).
 */
#ifndef PP_BASE_ENCODE_H
#define PP_BASE_ENCODE_H

#include <peerpost/bytes.h>

int pp_base64(struct pp_buf *out, struct pp_bytes in);        /* with padding; ! PP_NOMEM */
int pp_base64url(struct pp_buf *out, struct pp_bytes in);     /* without padding */
int pp_unbase64(struct pp_buf *out, struct pp_bytes text);    /* strict; ! PP_MALFORMED */
int pp_unbase64url(struct pp_buf *out, struct pp_bytes text); /* strict; ! PP_MALFORMED */
int pp_base32(struct pp_buf *out, struct pp_bytes in);
int pp_percent(struct pp_buf *out, struct pp_bytes in);
/* Decodes once; ! PP_MALFORMED for a bad escape. */
int pp_unpercent(struct pp_buf *out, struct pp_bytes text);

#endif
