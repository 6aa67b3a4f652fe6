/*
 * Roll-over proofs: the owner of a key says, with that key, which key follows it (docs/protocol.md,
 * Certificates). A proof is a chain of such links, the newest first, so that whoever knew any of
 * the earlier keys can follow. Pure.
 */
#ifndef PP_TRUST_ROLLOVER_H
#define PP_TRUST_ROLLOVER_H

#include <trust/certificate.h>

#define PP_ROLLOVER_MAX 1000 /* octets of a proof: the oldest links fall off */
#define PP_ROLLOVER_LINKS 8
/* Of the certificate extension, and of the same in a request: of no arc but a UUID's. */
#define PP_ROLLOVER_OID "2.25.147690566393417024612805587312482950209"

/* Appends a proof that `fresh` follows `old`; before: the proof that `old` itself came with, or
 * empty. ! PP_CRYPTO, PP_TOO_BIG (one link is over the bound), PP_NOMEM */
int pp_rollover_make(struct pp_buf *proof, EVP_PKEY *old, EVP_PKEY *fresh, struct pp_bytes before);
/* Is there a chain of good signatures from the key whose SubjectPublicKeyInfo has the hash `from`
 * to the key `to`? from NULL: from any. Hostile octets. ! PP_MALFORMED, PP_SIGNATURE */
int pp_rollover_verify(struct pp_bytes proof, const uint8_t *from, EVP_PKEY *to);

#endif
