/*
 * What this process trusts: the CA's certificate(s) and its revocation list. Answers one question:
 * is this certificate good, as this kind, at this time? A stale list warns and goes on unless
 * configured otherwise: a dead CA must not stop mail.
 */
#ifndef PP_TRUST_AUTHORITY_H
#define PP_TRUST_AUTHORITY_H

#include <trust/certificate.h>

struct pp_authority;

/* ca_file: PEM, one or more roots; NULL: open mode (nothing chains; node checks only key == id).
 * crl_file: PEM or DER or NULL. ! PP_CONFIG, PP_IO, PP_MALFORMED */
int pp_authority_load(struct pp_authority **a, const char *ca_file, const char *crl_file,
                      bool require_fresh_crl, struct pp_error *error);
/* Reads both files again; on failure the old stay. */
int pp_authority_reload(struct pp_authority *a, struct pp_error *error);
void pp_authority_free(struct pp_authority *a);
bool pp_authority_is_open(const struct pp_authority *a); /* no CA */

/* Chain, kind (EKU, SAN), validity at wall, revocation. 0 or PP_UNTRUSTED, PP_EXPIRED, PP_REVOKED,
 * PP_MALFORMED (another kind). Thread-safe against itself. */
int pp_authority_check(struct pp_authority *a, const struct pp_certificate *c,
                       enum pp_certificate_kind kind, pp_ns wall);
/* Is it on the list? (for capability-less checks) */
bool pp_authority_revoked(struct pp_authority *a, const struct pp_certificate *c);
/* Is there an authority whose list is past its time, or that has none? */
bool pp_authority_is_stale(struct pp_authority *a, pp_ns wall);
/* A CRL seen elsewhere: taken when it is signed by the CA and its number is higher.
 * 0 taken, PP_EXISTS not newer, PP_UNTRUSTED, PP_MALFORMED. This, reload and what is borrowed below
 * belong to one thread; checks may run on others meanwhile. */
int pp_authority_offer_crl(struct pp_authority *a, struct pp_bytes der);
struct pp_bytes pp_authority_crl(const struct pp_authority *a); /* DER, or empty; borrowed */
struct pp_bytes pp_authority_ca(const struct pp_authority *a);  /* PEM; borrowed */

/* TLS contexts, 1.3 only. The server asks for a client certificate but does not insist. */
SSL_CTX *pp_tls_server(struct pp_certificate *c, EVP_PKEY *key, struct pp_error *error);
/* A node as the client of another; whether that one's key is its id's is the caller's to check, by
 * pp_authority_check_node. NULL: error says why. */
SSL_CTX *pp_tls_client(struct pp_certificate *c, EVP_PKEY *key, struct pp_error *error);
/* For a client's verify callback: leaf's key hash is `expected`, and with a CA it chains as a
 * node's. 0, PP_IDENTITY, PP_UNTRUSTED, PP_REVOKED, PP_EXPIRED. */
int pp_authority_check_node(struct pp_authority *a, X509 *leaf, const struct pp_id *expected,
                            pp_ns wall);

#endif
