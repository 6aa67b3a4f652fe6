/*
 * The normal form of an e-mail address, the one thing that is hashed, compared and certified
 * (RFC 5321 section 4.1.2, RFC 6531, IDNA2008): domain as lower-case A-labels; local part NFC,
 * ASCII letters lower, unquoted where a dot-atom is possible, plus-tags kept; at most 254 octets.
 */
#ifndef PP_BASE_ADDRESS_H
#define PP_BASE_ADDRESS_H

#include <peerpost/bytes.h>

#define PP_ADDRESS_MAX 254

/* addr-spec in any form -> normal form, appended to out. ! PP_MALFORMED */
int pp_address_normal(struct pp_buf *out, struct pp_bytes address);
/* Is it already its own normal form? */
bool pp_address_is_normal(struct pp_bytes address);

#endif
