/*
 * Certificates from hostile octets, and the decision which of the kinds one is; see certificate.h.
 * Whether it chains to anything is authority.c's question.
 */
#include <trust/certificate.h>

#include <base/file.h>
#include <base/hash.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <trust/names.h>
#include <trust/openssl.h>

#define CERTIFICATE_FILE_MAX (64u << 10)

static bool is_mail_key(const EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);
    return pp_key_is_p256(key) || (EVP_PKEY_is_a(key, "RSA") && bits >= 3072 && bits <= 4096);
}

/* Are the extended key usages exactly these? */
static bool usage_is(const X509 *x509, int nid, int second_nid)
{
    EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(x509, NID_ext_key_usage, NULL, NULL);
    int want = second_nid == NID_undef ? 1 : 2;
    unsigned seen = 0;
    bool other = !usage || sk_ASN1_OBJECT_num(usage) != want;
    for (int i = 0; !other && i < want; i++) {
        int is = OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i));
        seen |= is == nid ? 1u : is == second_nid ? 2u : 0;
    }
    EXTENDED_KEY_USAGE_free(usage);
    return !other && seen == (want == 1 ? 1u : 3u);
}

/* The capability's whole profile: nameless and without extensions. */
static bool is_capability(const X509 *x509, const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") && X509_get_ext_count(x509) == 0 &&
           X509_NAME_entry_count(X509_get_subject_name(x509)) == 0 &&
           X509_NAME_entry_count(X509_get_issuer_name(x509)) == 0;
}

static bool may_sign(X509 *x509)
{
    return !(X509_get_extension_flags(x509) & EXFLAG_INVALID) && X509_check_ca(x509) == 0 &&
           X509_get_key_usage(x509) & KU_DIGITAL_SIGNATURE;
}

static void classify(struct pp_certificate *c)
{
    const EVP_PKEY *key = X509_get0_pubkey(c->x509);
    c->kind = PP_CERT_OTHER;
    if (!key) {
        return;
    }
    if (is_capability(c->x509, key)) {
        c->kind = PP_CERT_CAPABILITY;
        return;
    }
    GENERAL_NAMES *names = X509_get_ext_d2i(c->x509, NID_subject_alt_name, NULL, NULL);
    struct pp_id id = pp_certificate_node_id(c);
    if (!names || !may_sign(c->x509)) {
        /* stays another kind */
    } else if (usage_is(c->x509, NID_email_protect, NID_undef) && is_mail_key(key) &&
               pp_names_addresses(names, c->address, &c->n_addresses) == PP_OK) {
        c->kind = PP_CERT_ADDRESS;
    } else if (usage_is(c->x509, NID_server_auth, NID_client_auth) && pp_key_is_p256(key) &&
               pp_names_are_node(names, &id)) {
        c->kind = PP_CERT_NODE;
    }
    GENERAL_NAMES_free(names);
}

/* DER has one encoding: with another, one certificate would have several keyids. */
static int decode(struct pp_certificate *c, struct pp_bytes der)
{
    const uint8_t *at = der.data;
    uint8_t *again = NULL, *spki = NULL;
    c->x509 = d2i_X509(NULL, &at, (long)der.len);
    if (!c->x509 || at != der.data + der.len) {
        return PP_MALFORMED;
    }
    int len = i2d_X509(c->x509, &again);
    bool same = len >= 0 && pp_bytes_equal(pp_bytes(again, (size_t)len), der);
    OPENSSL_free(again);
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c->x509), &spki);
    if (len > 0) {
        pp_sha256(c->spki_hash, pp_bytes(spki, (size_t)len));
    }
    OPENSSL_free(spki);
    return same && len > 0 ? pp_buf_add(&c->der, der.data, der.len) : PP_MALFORMED;
}

int pp_certificate_parse(struct pp_certificate **out, struct pp_bytes der)
{
    *out = NULL;
    if (der.len > PP_CERTIFICATE_MAX) {
        return PP_TOO_BIG;
    }
    struct pp_certificate *c = calloc(1, sizeof *c);
    if (!c) {
        return PP_NOMEM;
    }
    c->refs = 1;
    int bad = decode(c, der);
    if (bad) {
        pp_certificate_free(c);
        ERR_clear_error();
        return bad;
    }
    pp_sha256(c->keyid, der);
    c->not_before = pp_wall_of(X509_get0_notBefore(c->x509));
    c->not_after = pp_wall_of(X509_get0_notAfter(c->x509));
    classify(c);
    ERR_clear_error();
    *out = c;
    return PP_OK;
}

static int take_first(void *ctx, struct pp_bytes der)
{
    struct pp_certificate **c = ctx;
    return *c ? PP_OK : pp_certificate_parse(c, der);
}

int pp_certificate_load(struct pp_certificate **c, const char *path, struct pp_error *error)
{
    struct pp_buf text = {0};
    *c = NULL;
    int bad = pp_file_read(&text, path, CERTIFICATE_FILE_MAX, error);
    if (!bad) {
        bad = pp_pem_each(pp_buf_bytes(&text), take_first, c);
        bad = bad || *c ? bad : PP_MALFORMED;
        if (bad) {
            pp_fail(error, bad,
                    "%s holds no certificate that can be read: it must be PEM, "
                    "\"-----BEGIN CERTIFICATE-----\", of at most %d octets",
                    path, PP_CERTIFICATE_MAX);
            pp_certificate_free(*c);
            *c = NULL;
        }
    }
    pp_buf_free(&text);
    return bad;
}

struct pp_certificate *pp_certificate_ref(struct pp_certificate *c)
{
    c->refs++;
    return c;
}

void pp_certificate_free(struct pp_certificate *c)
{
    if (!c || --c->refs > 0) {
        return;
    }
    for (size_t i = 0; i < PP_ADDRESSES_MAX; i++) {
        pp_buf_free(&c->address[i]);
    }
    pp_buf_free(&c->der);
    X509_free(c->x509);
    free(c);
}

bool pp_certificate_has_address(const struct pp_certificate *c, struct pp_bytes normal_address)
{
    for (size_t i = 0; c->kind == PP_CERT_ADDRESS && i < c->n_addresses; i++) {
        if (pp_bytes_equal(pp_buf_bytes(&c->address[i]), normal_address)) {
            return true;
        }
    }
    return false;
}

struct pp_id pp_certificate_node_id(const struct pp_certificate *c)
{
    struct pp_id id;
    memcpy(id.b, c->spki_hash, PP_ID_LEN);
    return id;
}

EVP_PKEY *pp_certificate_key(const struct pp_certificate *c)
{
    return X509_get0_pubkey(c->x509);
}

struct pp_bytes pp_certificate_rollover(const struct pp_certificate *c)
{
    return pp_rollover_of(X509_get0_extensions(c->x509));
}

size_t pp_certificate_serial(const struct pp_certificate *c, uint8_t *out, size_t cap)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(c->x509);
    size_t len = (size_t)ASN1_STRING_length(serial);
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || len > cap) {
        return 0;
    }
    memcpy(out, ASN1_STRING_get0_data(serial), len);
    return len;
}

int pp_certificate_pem(struct pp_buf *out, const struct pp_certificate *c)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return pp_bio_take(out, bio, bio && PEM_write_bio_X509(bio, c->x509));
}

/* One block of the text; PP_NOT_FOUND at its end. */
static int next_block(BIO *bio, struct pp_buf *der)
{
    char *name = NULL, *header = NULL;
    uint8_t *data = NULL;
    long len = 0;
    if (!PEM_read_bio(bio, &name, &header, &data, &len)) {
        int reason = ERR_GET_REASON(ERR_peek_last_error());
        return reason == PEM_R_NO_START_LINE ? PP_NOT_FOUND : PP_MALFORMED;
    }
    der->len = 0;
    int bad = PP_MALFORMED;
    if (strcmp(name, "CERTIFICATE") == 0 && header[0] == 0) {
        bad = pp_buf_add(der, data, (size_t)len);
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    return bad;
}

int pp_pem_each(struct pp_bytes pem, int (*fn)(void *ctx, struct pp_bytes der), void *ctx)
{
    struct pp_buf der = {0};
    size_t blocks = 0;
    if (pem.len == 0) {
        return PP_OK;
    }
    if (pem.len > INT_MAX) {
        return PP_TOO_BIG;
    }
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    int bad = bio ? PP_OK : PP_NOMEM;
    while (!bad) {
        bad = next_block(bio, &der);
        if (!bad) {
            bad = fn(ctx, pp_buf_bytes(&der));
            blocks++;
        }
    }
    BIO_free(bio);
    pp_buf_free(&der);
    ERR_clear_error();
    return bad == PP_NOT_FOUND ? (blocks ? PP_OK : PP_MALFORMED) : bad;
}
