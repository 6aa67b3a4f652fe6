/* PKCS#12 files, written and read; see pkcs12.h. It must not know where they come from. */
#include <trust/pkcs12.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#define ITERATIONS 100000
/* What we take of others, so that a file cannot keep us busy for minutes. */
#define ITERATIONS_MAX 10000000

/* --- writing ------------------------------------------------------------------------------- */

/* Key and certificate find each other by this. */
static bool label(PKCS12_SAFEBAG *bag, const struct pp_certificate *c)
{
    uint8_t id[20];
    memcpy(id, c->spki_hash, sizeof id);
    return bag && PKCS12_add_localkeyid(bag, id, sizeof id) == 1 &&
           (!c->n_addresses || PKCS12_add_friendlyname_utf8(bag, (const char *)c->address[0].data,
                                                            (int)c->address[0].len) == 1);
}

static int add_authority(void *ctx, struct pp_bytes der)
{
    STACK_OF(PKCS12_SAFEBAG) **bags = ctx;
    const uint8_t *at = der.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)der.len);
    bool added = x509 && PKCS12_add_cert(bags, x509);
    X509_free(x509);
    return added ? PP_OK : PP_CRYPTO;
}

static bool add_content(STACK_OF(PKCS7) * *safes, const struct pp_pkcs12 *content,
                        const char *passphrase)
{
    STACK_OF(PKCS12_SAFEBAG) *certificates = NULL, *keys = NULL;
    bool added = true;
    for (size_t i = 0; added && i < content->n; i++) {
        struct pp_certificate *c = content->certificate[i];
        added = label(PKCS12_add_cert(&certificates, c->x509), c) &&
                label(PKCS12_add_key(&keys, content->key[i], 0, ITERATIONS, NID_aes_256_cbc,
                                     passphrase),
                      c);
    }
    added = added &&
            pp_pem_each(pp_buf_bytes(&content->authority), add_authority, &certificates) == PP_OK;
    added = added &&
            PKCS12_add_safe(safes, certificates, NID_aes_256_cbc, ITERATIONS, passphrase) == 1 &&
            PKCS12_add_safe(safes, keys, -1, 0, NULL) == 1;
    sk_PKCS12_SAFEBAG_pop_free(certificates, PKCS12_SAFEBAG_free);
    sk_PKCS12_SAFEBAG_pop_free(keys, PKCS12_SAFEBAG_free);
    return added;
}

int pp_pkcs12_write(struct pp_buf *out, const struct pp_pkcs12 *content, const char *passphrase,
                    struct pp_error *error)
{
    STACK_OF(PKCS7) *safes = NULL;
    uint8_t *der = NULL;
    int len = -1;
    bool added = add_content(&safes, content, passphrase);
    PKCS12 *file = added ? PKCS12_add_safes(safes, 0) : NULL;
    if (file && PKCS12_set_mac(file, passphrase, -1, NULL, 0, ITERATIONS, EVP_sha256()) == 1) {
        len = i2d_PKCS12(file, &der);
    }
    int rc = len > 0 ? pp_buf_add(out, der, (size_t)len) : PP_CRYPTO;
    if (rc != PP_OK) {
        pp_fail(error, rc, "cannot put the keys into a PKCS#12 file: %s", pp_error_text(rc));
    }
    OPENSSL_free(der);
    PKCS12_free(file);
    sk_PKCS7_pop_free(safes, PKCS7_free);
    ERR_clear_error();
    return rc;
}

/* --- reading ------------------------------------------------------------------------------- */

struct found {
    X509 *x509[2 * PP_PKCS12_KEYS];
    EVP_PKEY *key[PP_PKCS12_KEYS];
    size_t n_certificates, n_keys;
};

static void take_key(struct found *f, const PKCS8_PRIV_KEY_INFO *info)
{
    EVP_PKEY *key = info && f->n_keys < PP_PKCS12_KEYS ? EVP_PKCS82PKEY(info) : NULL;
    if (key) {
        f->key[f->n_keys++] = key;
    }
}

static void take_bag(struct found *f, const PKCS12_SAFEBAG *bag, const char *passphrase)
{
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
    case NID_keyBag:
        take_key(f, PKCS12_SAFEBAG_get0_p8inf(bag));
        break;
    case NID_pkcs8ShroudedKeyBag: {
        PKCS8_PRIV_KEY_INFO *info = PKCS12_decrypt_skey(bag, passphrase, -1);
        take_key(f, info);
        PKCS8_PRIV_KEY_INFO_free(info);
        break;
    }
    case NID_certBag:
        if (f->n_certificates < sizeof f->x509 / sizeof *f->x509) {
            X509 *x509 = PKCS12_SAFEBAG_get1_cert(bag);
            f->x509[f->n_certificates] = x509;
            f->n_certificates += x509 != NULL;
        }
        break;
    default: /* lists, secrets: not ours */
        break;
    }
}

static bool take_safe(struct found *f, PKCS7 *safe, const char *passphrase)
{
    int kind = OBJ_obj2nid(safe->type);
    STACK_OF(PKCS12_SAFEBAG) *bags = kind == NID_pkcs7_data ? PKCS12_unpack_p7data(safe)
                                     : kind == NID_pkcs7_encrypted
                                         ? PKCS12_unpack_p7encdata(safe, passphrase, -1)
                                         : NULL;
    for (int i = 0; bags && i < sk_PKCS12_SAFEBAG_num(bags); i++) {
        take_bag(f, sk_PKCS12_SAFEBAG_value(bags, i), passphrase);
    }
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    return bags != NULL;
}

static bool unpack(struct found *f, PKCS12 *file, const char *passphrase)
{
    STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(file);
    bool all = safes != NULL;
    for (int i = 0; all && i < sk_PKCS7_num(safes); i++) {
        all = take_safe(f, sk_PKCS7_value(safes, i), passphrase);
    }
    sk_PKCS7_pop_free(safes, PKCS7_free);
    return all;
}

/* In its place by age, the newest first. */
static void insert(struct pp_pkcs12 *out, struct pp_certificate *c, EVP_PKEY *key)
{
    size_t at = out->n++;
    for (; at && out->certificate[at - 1]->not_before < c->not_before; at--) {
        out->certificate[at] = out->certificate[at - 1];
        out->key[at] = out->key[at - 1];
    }
    out->certificate[at] = c;
    out->key[at] = key;
    EVP_PKEY_up_ref(key);
}

static void take_certificate(struct pp_pkcs12 *out, const struct found *f, X509 *x509)
{
    struct pp_certificate *c = NULL;
    uint8_t *der = NULL;
    int len = i2d_X509(x509, &der);
    if (len > 0 && X509_check_ca(x509) == 1) {
        BIO *bio = BIO_new(BIO_s_mem());
        if (bio && PEM_write_bio_X509(bio, x509)) {
            char *text;
            long n = BIO_get_mem_data(bio, &text);
            pp_buf_add(&out->authority, text, (size_t)n);
        }
        BIO_free(bio);
    } else if (len > 0 && pp_certificate_parse(&c, pp_bytes(der, (size_t)len)) == PP_OK &&
               c->kind == PP_CERT_ADDRESS) {
        for (size_t i = 0; c && i < f->n_keys && out->n < PP_PKCS12_KEYS; i++) {
            if (EVP_PKEY_eq(f->key[i], pp_certificate_key(c)) == 1) {
                insert(out, c, f->key[i]);
                c = NULL;
            }
        }
    }
    pp_certificate_free(c);
    OPENSSL_free(der);
}

/* The work that a file may ask of us before we know that it is good. */
static bool is_modest(PKCS12 *file)
{
    const ASN1_INTEGER *iterations = NULL;
    int64_t n = 1;
    PKCS12_get0_mac(NULL, NULL, NULL, &iterations, file);
    return PKCS12_mac_present(file) &&
           (!iterations || ASN1_INTEGER_get_int64(&n, iterations) == 1) && n > 0 &&
           n <= ITERATIONS_MAX;
}

static int open_file(struct found *f, struct pp_bytes der, const char *passphrase,
                     struct pp_error *error)
{
    const uint8_t *at = der.data;
    PKCS12 *file = der.len <= PP_PKCS12_MAX ? d2i_PKCS12(NULL, &at, (long)der.len) : NULL;
    int rc = PP_OK;
    if (!file || !is_modest(file)) {
        rc = pp_fail(error, PP_MALFORMED,
                     "this is no PKCS#12 file (.p12, .pfx): peerpost export makes one");
    } else if (PKCS12_verify_mac(file, passphrase, -1) != 1) {
        rc = pp_fail(error, PP_DENIED, "the passphrase does not open the file, or it is damaged");
    } else if (!unpack(f, file, passphrase)) {
        rc = pp_fail(error, PP_MALFORMED, "the PKCS#12 file uses a cipher that is not supported");
    }
    PKCS12_free(file);
    return rc;
}

int pp_pkcs12_read(struct pp_pkcs12 *out, struct pp_bytes der, const char *passphrase,
                   struct pp_error *error)
{
    struct found f = {.n_keys = 0};
    *out = (struct pp_pkcs12){.n = 0};
    int rc = open_file(&f, der, passphrase, error);
    for (size_t i = 0; i < f.n_certificates; i++) {
        if (rc == PP_OK) {
            take_certificate(out, &f, f.x509[i]);
        }
        X509_free(f.x509[i]);
    }
    for (size_t i = 0; i < f.n_keys; i++) {
        EVP_PKEY_free(f.key[i]);
    }
    if (rc == PP_OK && !out->n) {
        rc = pp_fail(error, PP_NOT_FOUND,
                     "the file holds no private key with a certificate for an e-mail address");
    }
    if (rc != PP_OK) {
        pp_pkcs12_finish(out);
    }
    ERR_clear_error();
    return rc;
}

void pp_pkcs12_finish(struct pp_pkcs12 *content)
{
    for (size_t i = 0; i < content->n; i++) {
        pp_certificate_free(content->certificate[i]);
        EVP_PKEY_free(content->key[i]);
    }
    pp_buf_free(&content->authority);
    *content = (struct pp_pkcs12){.n = 0};
}
