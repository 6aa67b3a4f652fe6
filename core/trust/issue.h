/*
 * The issuing side of a certificate authority (RFC 5280; profiles: docs/security.md): root, address
 * and node certificates, revocation lists, and what a request asks for. Knows no files and no
 * clock: times are arguments, in seconds since 1970-01-01 UTC.
 */
#ifndef PP_TRUST_ISSUE_H
#define PP_TRUST_ISSUE_H

#include <trust/certificate.h>

struct pp_validity {
    int64_t not_before, not_after;
};

/* Who issues. All borrowed. */
struct pp_issuer {
    struct pp_certificate *certificate;
    EVP_PKEY *key;
    const char *crl_url; /* where the revocation list is to be had; NULL: names no place */
};

/* A self-signed root. domains: the mail domains it may certify ("example.org", its subdomains:
 * ".example.org"); none: any. ! PP_MALFORMED (a domain), PP_CRYPTO */
int pp_issue_root(struct pp_certificate **out, EVP_PKEY *key, const char *name,
                  const char *const *domains, size_t n_domains, const struct pp_validity *validity,
                  struct pp_error *error);
/* For 1 to 8 addresses in any form. ! PP_MALFORMED (an address, their count), PP_INVALID (key),
 * PP_CRYPTO */
int pp_issue_address(struct pp_certificate **out, const struct pp_issuer *issuer, EVP_PKEY *key,
                     const char *const *addresses, size_t n, const struct pp_validity *validity,
                     struct pp_error *error);
/* The same, with a roll-over proof that pp_request_parse found good; empty: none. */
int pp_issue_address_next(struct pp_certificate **out, const struct pp_issuer *issuer,
                          EVP_PKEY *key, const char *const *addresses, size_t n,
                          struct pp_bytes rollover, const struct pp_validity *validity,
                          struct pp_error *error);
/* For the node whose id is the key's hash; P-256 only. issuer NULL: self-signed, for a network
 * without a CA. ! PP_INVALID (key), PP_CRYPTO */
int pp_issue_node(struct pp_certificate **out, const struct pp_issuer *issuer, EVP_PKEY *key,
                  const struct pp_validity *validity, struct pp_error *error);

struct pp_revocation {
    struct pp_bytes serial; /* big-endian magnitude */
    int64_t when;
};

/* A complete revocation list, PEM. */
int pp_issue_crl(struct pp_buf *pem, const struct pp_issuer *issuer,
                 const struct pp_revocation *revoked, size_t n, uint64_t number,
                 const struct pp_validity *validity, struct pp_error *error);

/* What a PKCS#10 request asks for, its self-signature verified. */
struct pp_request {
    EVP_PKEY *key;
    struct pp_buf address[PP_ADDRESSES_MAX]; /* normal form; none: a node's */
    size_t n_addresses;
    struct pp_buf rollover; /* proof that it follows another key, verified; or empty */
};
/* ! PP_MALFORMED, PP_SIGNATURE */
int pp_request_parse(struct pp_request *request, struct pp_bytes pem, struct pp_error *error);
void pp_request_finish(struct pp_request *request);

#endif
