/*
 * Roots, revocation lists and the one question about a certificate; see authority.h. Everything
 * read from files lies in one struct that a reload replaces as a whole.
 */
#include <trust/authority.h>

#include <base/file.h>
#include <base/log.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <trust/openssl.h>

#define ROOTS_MAX 16
#define CA_FILE_MAX (256u << 10)
#define CRL_FILE_MAX (16u << 20)

struct root {
    X509 *ca;
    X509_CRL *crl; /* the newest list seen, or NULL */
    uint64_t number;
    pp_ns next_update;
};

struct trust {
    X509_STORE *store; /* NULL: open mode */
    struct root root[ROOTS_MAX];
    size_t n;
    struct pp_buf pem, crl_der;
};

struct pp_authority {
    char *ca_file, *crl_file;
    bool require_fresh;
    pthread_rwlock_t lock; /* readers: checks on any thread */
    struct trust *trust;
    _Atomic pp_ns warned; /* wall; at most one warning about a stale list an hour */
};

static void trust_free(struct trust *t)
{
    if (!t) {
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        X509_free(t->root[i].ca);
        X509_CRL_free(t->root[i].crl);
    }
    X509_STORE_free(t->store);
    pp_buf_free(&t->pem);
    pp_buf_free(&t->crl_der);
    free(t);
}

static int add_root(void *ctx, struct pp_bytes der)
{
    struct trust *t = ctx;
    const uint8_t *at = der.data;
    if (t->n == ROOTS_MAX) {
        return PP_TOO_BIG;
    }
    X509 *ca = d2i_X509(NULL, &at, (long)der.len);
    if (!ca || X509_check_ca(ca) != 1 || X509_STORE_add_cert(t->store, ca) != 1) {
        X509_free(ca);
        return PP_MALFORMED;
    }
    t->root[t->n++].ca = ca;
    return PP_OK;
}

static int load_roots(struct trust *t, const char *path, struct pp_error *error)
{
    int bad = pp_file_read(&t->pem, path, CA_FILE_MAX, error);
    if (bad) {
        return bad == PP_TOO_BIG ? PP_CONFIG : PP_IO;
    }
    t->store = X509_STORE_new();
    bad = t->store ? pp_pem_each(pp_buf_bytes(&t->pem), add_root, t) : PP_NOMEM;
    if (bad || t->n == 0) {
        return pp_fail(error, PP_CONFIG,
                       "%s must hold 1 to %d certificates of certificate authorities in PEM (the "
                       "ca.cert.pem that peerpost-ca init made), and does not",
                       path, ROOTS_MAX);
    }
    return PP_OK;
}

/* A complete, direct list with a number and nothing critical that we would have to understand. */
static bool crl_number(X509_CRL *crl, uint64_t *number)
{
    ASN1_INTEGER *value = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    bool fits = value && ASN1_INTEGER_get_uint64(number, value) == 1;
    ASN1_INTEGER_free(value);
    return fits && X509_CRL_get_ext_by_critical(crl, 1, -1) < 0 && X509_CRL_get0_nextUpdate(crl);
}

static int keep_der(struct trust *t)
{
    t->crl_der.len = 0;
    for (size_t i = 0; i < t->n && t->crl_der.len == 0; i++) {
        uint8_t *der = NULL;
        int len = t->root[i].crl ? i2d_X509_CRL(t->root[i].crl, &der) : 0;
        if (len > 0 && pp_buf_add(&t->crl_der, der, (size_t)len) != PP_OK) {
            OPENSSL_free(der);
            return PP_NOMEM;
        }
        OPENSSL_free(der);
    }
    return PP_OK;
}

/* Takes a reference when the list is the newest of the root that signed it. */
static int offer(struct trust *t, X509_CRL *crl)
{
    uint64_t number;
    if (!crl_number(crl, &number)) {
        return PP_MALFORMED;
    }
    for (size_t i = 0; i < t->n; i++) {
        struct root *root = &t->root[i];
        if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(root->ca)) != 0 ||
            !(X509_get_key_usage(root->ca) & KU_CRL_SIGN) ||
            X509_CRL_verify(crl, X509_get0_pubkey(root->ca)) != 1) {
            continue;
        }
        if (root->crl && number <= root->number) {
            return PP_EXISTS;
        }
        X509_CRL_up_ref(crl);
        X509_CRL_free(root->crl);
        root->crl = crl;
        root->number = number;
        root->next_update = pp_wall_of(X509_CRL_get0_nextUpdate(crl));
        return keep_der(t);
    }
    return PP_UNTRUSTED;
}

static X509_CRL *crl_of(struct pp_bytes text)
{
    const uint8_t *at = text.data;
    if (text.len > CRL_FILE_MAX || text.len == 0) {
        return NULL;
    }
    if (text.data[0] == 0x30) {
        X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)text.len);
        if (crl && at != text.data + text.len) {
            X509_CRL_free(crl);
            return NULL;
        }
        return crl;
    }
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    X509_CRL *crl = bio ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return crl;
}

static int load_crl(struct trust *t, const char *path, struct pp_error *error)
{
    struct pp_buf text = {0};
    int bad = pp_file_read(&text, path, CRL_FILE_MAX, error);
    if (bad) {
        pp_buf_free(&text);
        return PP_IO;
    }
    X509_CRL *crl = crl_of(pp_buf_bytes(&text));
    bad = crl ? offer(t, crl) : PP_MALFORMED;
    if (bad == PP_EXISTS) {
        bad = PP_OK;
    } else if (bad == PP_UNTRUSTED) {
        pp_fail(error, bad = PP_CONFIG,
                "the revocation list %s is not signed by the certificate authority of trust.ca: "
                "they must come from the same peerpost-ca",
                path);
    } else if (bad) {
        pp_fail(error, bad,
                "%s is no complete certificate revocation list with a number (PEM or "
                "DER): make it with peerpost-ca crl",
                path);
    }
    X509_CRL_free(crl);
    pp_buf_free(&text);
    return bad;
}

static int trust_load(struct trust **out, const struct pp_authority *a, struct pp_error *error)
{
    struct trust *t = calloc(1, sizeof *t);
    if (!t) {
        return pp_fail(error, PP_NOMEM, "no memory to load certificates");
    }
    int bad = a->ca_file ? load_roots(t, a->ca_file, error) : PP_OK;
    if (!bad && a->crl_file) {
        bad = load_crl(t, a->crl_file, error);
    }
    ERR_clear_error();
    if (bad) {
        trust_free(t);
        return bad;
    }
    *out = t;
    return PP_OK;
}

static char *copy_or_null(const char *s)
{
    return s && *s ? strdup(s) : NULL;
}

int pp_authority_load(struct pp_authority **out, const char *ca_file, const char *crl_file,
                      bool require_fresh_crl, struct pp_error *error)
{
    *out = NULL;
    struct pp_authority *a = calloc(1, sizeof *a);
    if (!a) {
        return pp_fail(error, PP_NOMEM, "no memory to load certificates");
    }
    a->ca_file = copy_or_null(ca_file);
    a->crl_file = copy_or_null(crl_file);
    a->require_fresh = require_fresh_crl;
    pthread_rwlock_init(&a->lock, NULL);
    int bad = trust_load(&a->trust, a, error);
    if (bad) {
        pp_authority_free(a);
        return bad;
    }
    *out = a;
    return PP_OK;
}

int pp_authority_reload(struct pp_authority *a, struct pp_error *error)
{
    struct trust *fresh;
    int bad = trust_load(&fresh, a, error);
    if (bad) {
        return bad;
    }
    pthread_rwlock_wrlock(&a->lock);
    struct trust *old = a->trust;
    for (size_t i = 0; i < old->n; i++) {
        if (old->root[i].crl) {
            offer(fresh, old->root[i].crl); /* a newer one seen elsewhere is not forgotten */
        }
    }
    a->trust = fresh;
    pthread_rwlock_unlock(&a->lock);
    ERR_clear_error();
    trust_free(old);
    return PP_OK;
}

void pp_authority_free(struct pp_authority *a)
{
    if (a) {
        trust_free(a->trust);
        pthread_rwlock_destroy(&a->lock);
        free(a->ca_file);
        free(a->crl_file);
        free(a);
    }
}

bool pp_authority_is_open(const struct pp_authority *a)
{
    return !a->ca_file;
}

static bool listed(const struct root *root, const X509 *x509)
{
    X509_REVOKED *entry;
    /* OpenSSL sorts the list at the first look-up, under its own lock. */
    return root->crl &&
           X509_CRL_get0_by_serial(root->crl, &entry, X509_get0_serialNumber(x509)) == 1;
}

static const struct root *issuer_of(const struct trust *t, const X509 *x509)
{
    for (size_t i = 0; i < t->n; i++) {
        if (X509_check_issued(t->root[i].ca, (X509 *)x509) == X509_V_OK) {
            return &t->root[i];
        }
    }
    return NULL;
}

static int stale(struct pp_authority *a, const struct root *root, pp_ns wall)
{
    if (root->crl && wall < root->next_update) {
        return PP_OK;
    }
    if (a->require_fresh) {
        return PP_UNTRUSTED;
    }
    pp_ns last = atomic_load(&a->warned);
    if (root->crl && (last == 0 || wall < last || wall - last >= PP_HOUR) &&
        atomic_compare_exchange_strong(&a->warned, &last, wall)) {
        pp_log(PP_LOG_WARN, "trust",
               "the certificate revocation list is out of date and used all the same: bring a "
               "newer one (peerpost-ca crl)");
    }
    return PP_OK;
}

static int code_of(int verify_error)
{
    switch (verify_error) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return PP_EXPIRED;
    case X509_V_ERR_OUT_OF_MEM:
        return PP_NOMEM;
    default:
        return PP_UNTRUSTED;
    }
}

static int chain(const struct trust *t, X509 *x509, pp_ns wall)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    if (!ctx || !X509_STORE_CTX_init(ctx, t->store, x509, NULL)) {
        X509_STORE_CTX_free(ctx);
        return PP_NOMEM;
    }
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(param, (time_t)(wall / PP_SECOND));
    int bad = X509_verify_cert(ctx) == 1 ? PP_OK : code_of(X509_STORE_CTX_get_error(ctx));
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
    return bad;
}

static int check_in(struct pp_authority *a, const struct pp_certificate *c, pp_ns wall)
{
    const struct trust *t = a->trust;
    if (!t->store) {
        bool in_time = wall >= c->not_before && wall <= c->not_after;
        return c->kind != PP_CERT_NODE ? PP_UNTRUSTED : in_time ? PP_OK : PP_EXPIRED;
    }
    int bad = chain(t, c->x509, wall);
    if (bad) {
        return bad;
    }
    const struct root *root = issuer_of(t, c->x509);
    if (!root) {
        return PP_UNTRUSTED;
    }
    return listed(root, c->x509) ? PP_REVOKED : stale(a, root, wall);
}

int pp_authority_check(struct pp_authority *a, const struct pp_certificate *c,
                       enum pp_certificate_kind kind, pp_ns wall)
{
    if (c->kind != kind) {
        return PP_MALFORMED;
    }
    pthread_rwlock_rdlock(&a->lock);
    int bad = check_in(a, c, wall);
    pthread_rwlock_unlock(&a->lock);
    return bad;
}

bool pp_authority_revoked(struct pp_authority *a, const struct pp_certificate *c)
{
    bool revoked = false;
    pthread_rwlock_rdlock(&a->lock);
    const struct trust *t = a->trust;
    for (size_t i = 0; !revoked && i < t->n; i++) {
        revoked = X509_NAME_cmp(X509_get_issuer_name(c->x509),
                                X509_get_subject_name(t->root[i].ca)) == 0 &&
                  listed(&t->root[i], c->x509);
    }
    pthread_rwlock_unlock(&a->lock);
    return revoked;
}

bool pp_authority_is_stale(struct pp_authority *a, pp_ns wall)
{
    bool old = false;
    pthread_rwlock_rdlock(&a->lock);
    for (size_t i = 0; i < a->trust->n; i++) {
        old |= !a->trust->root[i].crl || wall >= a->trust->root[i].next_update;
    }
    pthread_rwlock_unlock(&a->lock);
    return old;
}

int pp_authority_offer_crl(struct pp_authority *a, struct pp_bytes der)
{
    X509_CRL *crl = crl_of(der);
    if (!crl) {
        ERR_clear_error();
        return PP_MALFORMED;
    }
    pthread_rwlock_wrlock(&a->lock);
    int bad = offer(a->trust, crl);
    pthread_rwlock_unlock(&a->lock);
    X509_CRL_free(crl);
    ERR_clear_error();
    return bad;
}

struct pp_bytes pp_authority_crl(const struct pp_authority *a)
{
    return pp_buf_bytes(&a->trust->crl_der);
}

struct pp_bytes pp_authority_ca(const struct pp_authority *a)
{
    return pp_buf_bytes(&a->trust->pem);
}

int pp_authority_check_node(struct pp_authority *a, X509 *leaf, const struct pp_id *expected,
                            pp_ns wall)
{
    uint8_t *der = NULL;
    struct pp_certificate *c = NULL;
    int len = i2d_X509(leaf, &der);
    int bad = len > 0 ? pp_certificate_parse(&c, pp_bytes(der, (size_t)len)) : PP_IDENTITY;
    OPENSSL_free(der);
    if (bad) {
        return bad == PP_NOMEM ? bad : PP_IDENTITY;
    }
    struct pp_id id = pp_certificate_node_id(c);
    if (expected && !pp_id_equal(&id, expected)) {
        bad = PP_IDENTITY;
    } else if (!pp_authority_is_open(a)) {
        bad = pp_authority_check(a, c, PP_CERT_NODE, wall);
        bad = bad == PP_MALFORMED ? PP_UNTRUSTED : bad;
    }
    pp_certificate_free(c);
    return bad;
}
