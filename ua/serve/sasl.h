/*
 * SASL PLAIN (RFC 4616) and the old LOGIN as SMTP and POP3 carry them. Pure: octets in, a name and
 * a password out.
 */
#ifndef PP_SERVE_SASL_H
#define PP_SERVE_SASL_H

#include <peerpost/bytes.h>

/* Decodes the base64 of a PLAIN response; user and password point into *octets. An authorization
 * identity must be empty or the user's name. ! PP_MALFORMED */
int sasl_plain(struct pp_buf *octets, struct pp_bytes text, struct pp_bytes *user,
               struct pp_bytes *password);
/* One response of LOGIN. "=" stands for an empty one. ! PP_MALFORMED */
int sasl_text(struct pp_buf *octets, struct pp_bytes text);

#endif
