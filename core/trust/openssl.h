/*
 * Private to trust/: small steps over OpenSSL that several of its files take.
 */
#ifndef PP_TRUST_OPENSSL_H
#define PP_TRUST_OPENSSL_H

#include <openssl/x509v3.h>
#include <peerpost/bytes.h>
#include <peerpost/error.h>
#include <peerpost/now.h>

bool pp_key_is_p256(const EVP_PKEY *key);
/* Wall time; 0 before 1970 or when unreadable, PP_NEVER when it does not fit. */
pp_ns pp_wall_of(const ASN1_TIME *time);
/* The authority key identifier of what this certificate issues. NULL: it has none; no memory. */
AUTHORITY_KEYID *pp_authority_keyid(const X509 *issuer);
/* A roll-over proof as an extension; NULL: no memory. And the proof among extensions, borrowed;
 * empty: none. */
X509_EXTENSION *pp_rollover_extension(struct pp_bytes proof);
struct pp_bytes pp_rollover_of(const STACK_OF(X509_EXTENSION) * extensions);
/* Moves what a BIO in memory holds to the end of a buffer; `written`: did writing it succeed?
 * Frees the BIO (NULL allowed). ! PP_NOMEM */
int pp_bio_take(struct pp_buf *out, BIO *bio, bool written);

#endif
