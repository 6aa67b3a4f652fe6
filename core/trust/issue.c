/* Certificates and revocation lists as a CA makes them; see issue.h. */
#include <trust/issue.h>

#include <base/address.h>
#include <base/hash.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <trust/names.h>
#include <trust/openssl.h>

static bool set_times(ASN1_TIME *before, ASN1_TIME *after, const struct pp_validity *v)
{
    return ASN1_TIME_adj(before, (time_t)v->not_before, 0, 0) &&
           ASN1_TIME_adj(after, (time_t)v->not_after, 0, 0);
}

/* 127 random bits: unique without a counter, and never negative. */
static bool set_serial(X509 *x509)
{
    uint8_t octets[16];
    pp_random(octets, sizeof octets);
    octets[0] = (uint8_t)((octets[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(octets, sizeof octets, NULL);
    bool set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
    BN_free(number);
    return set;
}

/* Subject key identifier: 160 bits of SHA-256 over the key (RFC 7093 section 2, method 1). */
static ASN1_OCTET_STRING *key_identifier(const X509 *x509)
{
    uint8_t digest[32];
    unsigned len = sizeof digest;
    ASN1_OCTET_STRING *out = ASN1_OCTET_STRING_new();
    if (out && X509_pubkey_digest(x509, EVP_sha256(), digest, &len) &&
        ASN1_OCTET_STRING_set(out, digest, 20)) {
        return out;
    }
    ASN1_OCTET_STRING_free(out);
    return NULL;
}

static bool add_subject_key(X509 *x509)
{
    ASN1_OCTET_STRING *ski = key_identifier(x509);
    bool added =
        ski && X509_add1_ext_i2d(x509, NID_subject_key_identifier, ski, 0, X509V3_ADD_DEFAULT) == 1;
    ASN1_OCTET_STRING_free(ski);
    return added;
}

static bool add_authority_key(X509 *x509, const X509 *issuer)
{
    AUTHORITY_KEYID *aki = pp_authority_keyid(issuer);
    bool added = aki && X509_add1_ext_i2d(x509, NID_authority_key_identifier, aki, 0,
                                          X509V3_ADD_DEFAULT) == 1;
    AUTHORITY_KEYID_free(aki);
    return added;
}

static bool add_key_usage(X509 *x509, const int *bits, size_t n)
{
    ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
    bool added = usage != NULL;
    for (size_t i = 0; added && i < n; i++) {
        added = ASN1_BIT_STRING_set_bit(usage, bits[i], 1);
    }
    added = added && X509_add1_ext_i2d(x509, NID_key_usage, usage, 1, X509V3_ADD_DEFAULT) == 1;
    ASN1_BIT_STRING_free(usage);
    return added;
}

static bool add_extended_usage(X509 *x509, int nid, int second_nid)
{
    EXTENDED_KEY_USAGE *usage = EXTENDED_KEY_USAGE_new();
    bool added =
        usage && sk_ASN1_OBJECT_push(usage, OBJ_nid2obj(nid)) > 0 &&
        (second_nid == NID_undef || sk_ASN1_OBJECT_push(usage, OBJ_nid2obj(second_nid)) > 0) &&
        X509_add1_ext_i2d(x509, NID_ext_key_usage, usage, 0, X509V3_ADD_DEFAULT) == 1;
    EXTENDED_KEY_USAGE_free(usage);
    return added;
}

static bool add_constraints(X509 *x509)
{
    BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
    bool added = false;
    if (constraints) {
        constraints->ca = 0xff;
        constraints->pathlen = ASN1_INTEGER_new();
        added =
            constraints->pathlen && ASN1_INTEGER_set(constraints->pathlen, 0) &&
            X509_add1_ext_i2d(x509, NID_basic_constraints, constraints, 1, X509V3_ADD_DEFAULT) == 1;
    }
    BASIC_CONSTRAINTS_free(constraints);
    return added;
}

static bool add_crl_place(X509 *x509, const char *url)
{
    if (!url) {
        return true;
    }
    bool added = false;
    CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
    DIST_POINT *point = DIST_POINT_new();
    GENERAL_NAME *name = pp_name_text(GEN_URI, pp_str(url));
    if (points && point && name) {
        point->distpoint = DIST_POINT_NAME_new();
        GENERAL_NAMES *full = GENERAL_NAMES_new();
        if (point->distpoint && full && sk_GENERAL_NAME_push(full, name) > 0) {
            name = NULL;
            point->distpoint->type = 0;
            point->distpoint->name.fullname = full;
            full = NULL;
            if (sk_DIST_POINT_push(points, point) > 0) {
                point = NULL;
                added = X509_add1_ext_i2d(x509, NID_crl_distribution_points, points, 0,
                                          X509V3_ADD_DEFAULT) == 1;
            }
        }
        GENERAL_NAMES_free(full);
    }
    GENERAL_NAME_free(name);
    DIST_POINT_free(point);
    CRL_DIST_POINTS_free(points);
    return added;
}

/* A mail domain in normal form: a name constraint compares octets. */
static int normal_domain(struct pp_buf *out, const char *domain)
{
    struct pp_buf probe = {0}, normal = {0};
    bool below = domain[0] == '.';
    int bad = pp_buf_printf(&probe, "a@%s", domain + below);
    if (!bad) {
        bad = pp_address_normal(&normal, pp_buf_bytes(&probe));
    }
    if (!bad) {
        bad = pp_buf_printf(out, "%s%s", below ? "." : "", (char *)normal.data + 2);
    }
    pp_buf_free(&probe);
    pp_buf_free(&normal);
    return bad;
}

static int push_domain(NAME_CONSTRAINTS *constraints, const char *domain, struct pp_error *error)
{
    struct pp_buf normal = {0};
    int bad = normal_domain(&normal, domain);
    if (bad) {
        return pp_fail(error, bad,
                       "'%.200s' is no mail domain: give it as example.org, or "
                       ".example.org for its subdomains",
                       domain);
    }
    GENERAL_SUBTREE *tree = GENERAL_SUBTREE_new();
    GENERAL_NAME *name = pp_name_text(GEN_EMAIL, pp_buf_bytes(&normal));
    pp_buf_free(&normal);
    if (tree && name) {
        GENERAL_NAME_free(tree->base);
        tree->base = name;
        if (sk_GENERAL_SUBTREE_push(constraints->permittedSubtrees, tree) > 0) {
            return PP_OK;
        }
        name = NULL;
    }
    GENERAL_NAME_free(name);
    GENERAL_SUBTREE_free(tree);
    return pp_fail(error, PP_NOMEM, "no memory for name constraints");
}

static int add_domains(X509 *x509, const char *const *domains, size_t n, struct pp_error *error)
{
    if (n == 0) {
        return PP_OK;
    }
    NAME_CONSTRAINTS *constraints = NAME_CONSTRAINTS_new();
    int bad = constraints ? PP_OK : PP_NOMEM;
    if (!bad) {
        constraints->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
        bad = constraints->permittedSubtrees ? PP_OK : PP_NOMEM;
    }
    for (size_t i = 0; !bad && i < n; i++) {
        bad = push_domain(constraints, domains[i], error);
    }
    if (!bad &&
        X509_add1_ext_i2d(x509, NID_name_constraints, constraints, 1, X509V3_ADD_DEFAULT) != 1) {
        bad = PP_CRYPTO;
    }
    NAME_CONSTRAINTS_free(constraints);
    return bad;
}

/* Version, serial, validity, key and the subject's identifier: what all kinds share. */
static X509 *begin(EVP_PKEY *key, const struct pp_validity *validity)
{
    X509 *x509 = X509_new();
    if (x509 && X509_set_version(x509, X509_VERSION_3) && set_serial(x509) &&
        set_times(X509_getm_notBefore(x509), X509_getm_notAfter(x509), validity) &&
        X509_set_pubkey(x509, key) && add_subject_key(x509)) {
        return x509;
    }
    X509_free(x509);
    return NULL;
}

/* Signs and hands over as every reader will see it; frees x509 in any case. */
static int finish(struct pp_certificate **out, X509 *x509, EVP_PKEY *key, struct pp_error *error)
{
    uint8_t *der = NULL;
    int len = X509_sign(x509, key, EVP_sha256()) > 0 ? i2d_X509(x509, &der) : -1;
    int bad = len > 0 ? pp_certificate_parse(out, pp_bytes(der, (size_t)len)) : PP_CRYPTO;
    if (bad == PP_TOO_BIG) {
        pp_fail(error, bad, "the certificate would be over %d octets: fewer addresses, please",
                PP_CERTIFICATE_MAX);
    } else if (bad) {
        pp_fail(error, bad, "cannot sign a certificate with this key");
    }
    OPENSSL_free(der);
    X509_free(x509);
    ERR_clear_error();
    return bad;
}

int pp_issue_root(struct pp_certificate **out, EVP_PKEY *key, const char *name,
                  const char *const *domains, size_t n_domains, const struct pp_validity *validity,
                  struct pp_error *error)
{
    static const int usage[] = {5, 6}; /* keyCertSign, cRLSign (RFC 5280 section 4.2.1.3) */
    X509 *x509 = begin(key, validity);
    *out = NULL;
    if (!x509 ||
        !X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                                    (const uint8_t *)name, -1, -1, 0) ||
        !X509_set_issuer_name(x509, X509_get_subject_name(x509)) || !add_constraints(x509) ||
        !add_key_usage(x509, usage, 2)) {
        X509_free(x509);
        ERR_clear_error();
        return pp_fail(error, PP_CRYPTO, "cannot make a root certificate named '%.100s'", name);
    }
    int bad = add_domains(x509, domains, n_domains, error);
    if (bad) {
        X509_free(x509);
        ERR_clear_error();
        return bad;
    }
    return finish(out, x509, key, error);
}

static bool add_names(X509 *x509, GENERAL_NAMES *names, bool critical)
{
    return X509_add1_ext_i2d(x509, NID_subject_alt_name, names, critical, X509V3_ADD_DEFAULT) == 1;
}

/* The subject is empty, so the names are critical (RFC 5280 section 4.2.1.6). Self-signed: no
 * authority's key (section 4.2.1.1). */
static bool fill_leaf(X509 *x509, const X509 *issuer, GENERAL_NAMES *names, const char *crl_url)
{
    return X509_set_issuer_name(x509, X509_get_subject_name(issuer)) &&
           (issuer == x509 || add_authority_key(x509, issuer)) && add_names(x509, names, true) &&
           add_crl_place(x509, crl_url);
}

static bool add_rollover(X509 *x509, struct pp_bytes proof)
{
    X509_EXTENSION *extension = proof.len ? pp_rollover_extension(proof) : NULL;
    bool added = !proof.len || (extension && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    return added;
}

int pp_issue_address(struct pp_certificate **out, const struct pp_issuer *issuer, EVP_PKEY *key,
                     const char *const *addresses, size_t n, const struct pp_validity *validity,
                     struct pp_error *error)
{
    return pp_issue_address_next(out, issuer, key, addresses, n, pp_bytes(NULL, 0), validity,
                                 error);
}

int pp_issue_address_next(struct pp_certificate **out, const struct pp_issuer *issuer,
                          EVP_PKEY *key, const char *const *addresses, size_t n,
                          struct pp_bytes rollover, const struct pp_validity *validity,
                          struct pp_error *error)
{
    static const int ec[] = {0, 4}, rsa[] = {0, 2}; /* digitalSignature, keyAgreement | keyEnc. */
    *out = NULL;
    GENERAL_NAMES *names = pp_names_of_addresses(addresses, n, error);
    if (!names) {
        return PP_MALFORMED;
    }
    X509 *x509 = begin(key, validity);
    bool filled = x509 && fill_leaf(x509, issuer->certificate->x509, names, issuer->crl_url) &&
                  add_key_usage(x509, EVP_PKEY_is_a(key, "RSA") ? rsa : ec, 2) &&
                  add_extended_usage(x509, NID_email_protect, NID_undef) &&
                  add_rollover(x509, rollover);
    GENERAL_NAMES_free(names);
    if (!filled) {
        X509_free(x509);
        ERR_clear_error();
        return pp_fail(error, PP_CRYPTO, "cannot fill in the certificate");
    }
    int bad = finish(out, x509, issuer->key, error);
    if (!bad && (*out)->kind != PP_CERT_ADDRESS) {
        pp_certificate_free(*out);
        *out = NULL;
        bad = pp_fail(error, PP_INVALID, "a user's key must be P-256, or RSA of 3072 to 4096 bits");
    }
    return bad;
}

int pp_issue_node(struct pp_certificate **out, const struct pp_issuer *issuer, EVP_PKEY *key,
                  const struct pp_validity *validity, struct pp_error *error)
{
    static const int usage[] = {0};
    struct pp_id id = pp_key_id(key);
    *out = NULL;
    GENERAL_NAMES *names = pp_names_of_node(&id);
    X509 *x509 = names ? begin(key, validity) : NULL;
    X509 *by = issuer ? issuer->certificate->x509 : x509;
    bool filled = x509 && fill_leaf(x509, by, names, issuer ? issuer->crl_url : NULL) &&
                  add_key_usage(x509, usage, 1) &&
                  add_extended_usage(x509, NID_server_auth, NID_client_auth);
    GENERAL_NAMES_free(names);
    if (!filled) {
        X509_free(x509);
        ERR_clear_error();
        return pp_fail(error, PP_CRYPTO, "cannot fill in the node's certificate");
    }
    int bad = finish(out, x509, issuer ? issuer->key : key, error);
    if (!bad && (*out)->kind != PP_CERT_NODE) {
        pp_certificate_free(*out);
        *out = NULL;
        bad = pp_fail(error, PP_INVALID, "a node's key must be P-256");
    }
    return bad;
}
