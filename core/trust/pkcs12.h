/*
 * A user's keys and certificates, old ones too, and her authority's, in one file under a passphrase
 * (PKCS#12, RFC 7292), as other mail programs and `openssl pkcs12` read and write it. No I/O.
 */
#ifndef PP_TRUST_PKCS12_H
#define PP_TRUST_PKCS12_H

#include <trust/certificate.h>

#define PP_PKCS12_KEYS 32
#define PP_PKCS12_MAX (1u << 20) /* octets */

struct pp_pkcs12 {
    struct pp_certificate *certificate[PP_PKCS12_KEYS]; /* the newest first .. */
    EVP_PKEY *key[PP_PKCS12_KEYS];                      /* .. and their keys; all owned */
    size_t n;
    struct pp_buf authority; /* PEM of the authorities' certificates, or empty */
};

/* Appends DER. AES-256 and SHA-256 throughout. ! PP_CRYPTO, PP_NOMEM */
int pp_pkcs12_write(struct pp_buf *out, const struct pp_pkcs12 *content, const char *passphrase,
                    struct pp_error *error);
/* Hostile octets. Address certificates without a key are passed over. ! PP_MALFORMED, PP_DENIED
 * (the passphrase), PP_NOT_FOUND (no key with a certificate for an address), PP_TOO_BIG */
int pp_pkcs12_read(struct pp_pkcs12 *out, struct pp_bytes der, const char *passphrase,
                   struct pp_error *error);
void pp_pkcs12_finish(struct pp_pkcs12 *content);

#endif
