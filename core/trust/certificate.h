/*
 * Certificates and what they prove (RFC 5280; profiles: docs/security.md). Three kinds, told apart
 * by extended key usage so that none passes for another: address (emailProtection), node
 * (serverAuth + clientAuth, dNSName <id>.peerpost.alt), capability (nameless, self-signed Ed25519).
 * Also makes keys, requests and certificates for the CA and the user agent. No I/O but the files it
 * is told to load.
 */
#ifndef PP_TRUST_CERTIFICATE_H
#define PP_TRUST_CERTIFICATE_H

#include <openssl/types.h>
#include <peerpost/error.h>
#include <peerpost/id.h>
#include <peerpost/now.h>

#define PP_CERTIFICATE_MAX 2048 /* octets of DER */
#define PP_ADDRESSES_MAX 8

enum pp_certificate_kind { PP_CERT_ADDRESS, PP_CERT_NODE, PP_CERT_CAPABILITY, PP_CERT_OTHER };

struct pp_certificate {
    X509 *x509; /* owned */
    struct pp_buf der;
    enum pp_certificate_kind kind;
    uint8_t keyid[32];     /* SHA-256 of the DER */
    uint8_t spki_hash[32]; /* SHA-256 of SubjectPublicKeyInfo; its first 20 octets: a node's id */
    pp_ns not_before, not_after;             /* wall */
    struct pp_buf address[PP_ADDRESSES_MAX]; /* normal form */
    size_t n_addresses;
    _Atomic unsigned refs; /* private */
};

/* From hostile DER. ! PP_MALFORMED, PP_TOO_BIG, PP_NOMEM */
int pp_certificate_parse(struct pp_certificate **c, struct pp_bytes der);
/* The first certificate of a PEM text or file. ! PP_MALFORMED, PP_IO */
int pp_certificate_load(struct pp_certificate **c, const char *path, struct pp_error *error);
struct pp_certificate *pp_certificate_ref(struct pp_certificate *c);
void pp_certificate_free(struct pp_certificate *c);
bool pp_certificate_has_address(const struct pp_certificate *c, struct pp_bytes normal_address);
struct pp_id pp_certificate_node_id(const struct pp_certificate *c);
EVP_PKEY *pp_certificate_key(const struct pp_certificate *c); /* borrowed */
/* The serial number's octets, big-endian; 0 when it is over cap octets or not positive. */
size_t pp_certificate_serial(const struct pp_certificate *c, uint8_t *out, size_t cap);
/* The roll-over proof that it carries (rollover.h), unchecked; empty: none. Borrowed. */
struct pp_bytes pp_certificate_rollover(const struct pp_certificate *c);
/* The certificate as one PEM block, appended. */
int pp_certificate_pem(struct pp_buf *out, const struct pp_certificate *c);
/* Each PEM block of a certificate set, in order: fn(ctx, der). ! PP_MALFORMED, or fn's negative */
int pp_pem_each(struct pp_bytes pem, int (*fn)(void *ctx, struct pp_bytes der), void *ctx);

/* Keys. Files are 0600 in a 0700 folder, a looser one is refused with a sentence. A passphrase of
 * NULL: none. */
int pp_key_generate(EVP_PKEY **key); /* P-256 */
int pp_key_load(EVP_PKEY **key, const char *path, const char *passphrase, struct pp_error *error);
int pp_key_save(EVP_PKEY *key, const char *path, const char *passphrase, struct pp_error *error);
/* The octets of such a file, appended; wipe them. */
int pp_key_pem(struct pp_buf *pem, EVP_PKEY *key, const char *passphrase, struct pp_error *error);
struct pp_id pp_key_id(EVP_PKEY *key); /* node id */
/* The Ed25519 key of a 32-octet seed and its nameless self-signed certificate. Same seed, same
 * octets (fixed validity and serial). */
int pp_capability(const uint8_t seed[32], EVP_PKEY **key, struct pp_certificate **c);

/* SHA-256 of the key's SubjectPublicKeyInfo. ! PP_CRYPTO */
int pp_key_hash(EVP_PKEY *key, uint8_t hash[32]);

/* PKCS#10 request for 1..8 addresses (0: for a node), PEM. ! PP_MALFORMED (no address) */
int pp_request_create(struct pp_buf *pem, EVP_PKEY *key, const char *const *addresses, size_t n,
                      struct pp_error *error);
/* The same with a roll-over proof (rollover.h) that the certificate shall carry; empty: none. */
int pp_request_create_next(struct pp_buf *pem, EVP_PKEY *key, const char *const *addresses,
                           size_t n, struct pp_bytes rollover, struct pp_error *error);

#endif
