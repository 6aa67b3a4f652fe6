/*
 * Seals and opens notifications: the text of notification_text.c, signed (signed.c) and padded
 * (plain.c) as a body is, then encrypted to the recipient's certificate by OpenSSL's CMS; see
 * seal.h.
 */
#include <seal/seal.h>

#include <base/hash.h>
#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <seal/envelope.h>
#include <seal/notification_text.h>
#include <seal/plain.h>
#include <seal/signed.h>

#define SEALED_MIN 2048
/* The text itself is what an unsigned notification consists of. */
#define UNSIGNED_HEAD ""

/* OpenSSL's default would be SHA-1, for the derivation of a P-256 recipient's key (RFC 5753) and in
 * RSA's OAEP alike. */
static bool set_recipient(CMS_RecipientInfo *ri, EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = CMS_RecipientInfo_get0_pkey_ctx(ri);
    if (!ctx) {
        return false;
    }
    if (EVP_PKEY_is_a(key, "RSA")) {
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
               EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0;
    }
    return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) > 0;
}

static int encrypt(struct pp_buf *out, struct pp_bytes plain, struct pp_certificate *recipient)
{
    const unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_USE_KEYID | CMS_KEY_PARAM;
    uint8_t *der = NULL;
    int len = -1;
    BIO *in = BIO_new_mem_buf(plain.data, (int)plain.len);
    CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(), flags);
    CMS_RecipientInfo *ri =
        cms ? CMS_add1_recipient(cms, recipient->x509, NULL, NULL, flags) : NULL;
    if (in && ri && set_recipient(ri, pp_certificate_key(recipient)) &&
        CMS_final(cms, in, NULL, flags) == 1) {
        len = i2d_CMS_ContentInfo(cms, &der);
    }
    int bad = len > 0 ? pp_buf_add(out, der, (size_t)len) : PP_CRYPTO;
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    ERR_clear_error();
    return bad;
}

/* Encrypts all of a plain text, which is small. */
static int encrypt_plain(struct pp_buf *out, const struct pp_plain *plain,
                         const struct pp_source *text, struct pp_certificate *recipient)
{
    struct pp_buf all = {0};
    int bad =
        plain->size > PP_NOTIFICATION_MAX ? PP_TOO_BIG : pp_buf_reserve(&all, (size_t)plain->size);
    if (!bad) {
        all.len = (size_t)plain->size;
        bad = pp_plain_read(plain, text, 0, all.data, all.len);
    }
    bad = bad ? bad : encrypt(out, pp_buf_bytes(&all), recipient);
    pp_buf_wipe(&all);
    return bad;
}

/* What encryption adds is the same for every length between 256 and 65,535 octets: measured once,
 * then padded so that the sealed size is a power of two. */
static int encrypt_padded(struct pp_buf *out, struct pp_plain *plain, const struct pp_source *text,
                          struct pp_certificate *recipient)
{
    struct pp_buf trial = {0};
    int bad = encrypt_plain(&trial, plain, text, recipient);
    uint64_t added = trial.len - plain->size, size = SEALED_MIN;
    pp_buf_free(&trial);
    if (bad) {
        return bad;
    }
    while (size < added + plain->size + PP_PADDING_MIN) {
        size *= 2;
    }
    if (size > PP_NOTIFICATION_MAX) {
        return PP_TOO_BIG;
    }
    pp_plain_pad(plain, size - added);
    size_t before = out->len;
    bad = encrypt_plain(out, plain, text, recipient);
    return bad ? bad : out->len - before == size ? PP_OK : PP_CRYPTO;
}

static int seal_text(struct pp_buf *out, struct pp_bytes octets, const struct pp_signer *signer,
                     struct pp_certificate *recipient, bool pad)
{
    struct pp_plain plain;
    struct pp_source text = pp_source_of(&octets);
    size_t before = out->len;
    int bad = pp_plain_make(&plain, &text, signer, UNSIGNED_HEAD);
    if (bad) {
        return bad;
    }
    bad = pad ? encrypt_padded(out, &plain, &text, recipient)
              : encrypt_plain(out, &plain, &text, recipient);
    pp_plain_finish(&plain);
    if (!bad && out->len - before > PP_NOTIFICATION_MAX) {
        bad = PP_TOO_BIG;
    }
    return bad;
}

int pp_seal_notification(struct pp_buf *out, const struct pp_notification *n,
                         const struct pp_signer *signer, struct pp_certificate *recipient, bool pad,
                         struct pp_error *error)
{
    struct pp_buf text = {0};
    size_t before = out->len;
    int bad = recipient->kind == PP_CERT_ADDRESS ? pp_buf_reserve(&text, PP_NOTIFICATION_ROOM)
                                                 : PP_INVALID;
    bad = bad ? bad : pp_notification_encode(&text, n);
    bad = bad ? bad : seal_text(out, pp_buf_bytes(&text), signer, recipient, pad);
    if (bad == PP_TOO_BIG) {
        pp_fail(error, bad, "the notification would be over %d octets", PP_NOTIFICATION_MAX);
    } else if (bad) {
        pp_fail(error, bad, "cannot encrypt the notification to the recipient's certificate: %s",
                pp_error_text(bad));
    }
    if (bad) {
        out->len = before;
    }
    pp_buf_wipe(&text);
    return bad;
}

/* The sender's one-time point must be a whole number of octets: OpenSSL clears the bits that a BIT
 * STRING calls unused, so that a changed count of them could go unnoticed. */
static bool points_are_whole(CMS_ContentInfo *cms)
{
    STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(cms);
    for (int i = 0; all && i < sk_CMS_RecipientInfo_num(all); i++) {
        CMS_RecipientInfo *ri = sk_CMS_RecipientInfo_value(all, i);
        ASN1_BIT_STRING *point = NULL;
        if (CMS_RecipientInfo_type(ri) == CMS_RECIPINFO_AGREE &&
            (CMS_RecipientInfo_kari_get0_orig_id(ri, NULL, &point, NULL, NULL, NULL) != 1 ||
             !point || (point->flags & 0x07) != 0)) {
            return false;
        }
    }
    return true;
}

/* A BIO in memory wipes what it frees. */
static BIO *decrypt_with(struct pp_bytes sealed, X509 *certificate, EVP_PKEY *key)
{
    const uint8_t *at = sealed.data;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)sealed.len);
    BIO *out = BIO_new(BIO_s_mem());
    bool ok = cms && out && at == sealed.data + sealed.len && points_are_whole(cms) &&
              CMS_decrypt(cms, key, certificate, NULL, out, CMS_BINARY) == 1;
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    if (!ok) {
        BIO_free(out);
        return NULL;
    }
    return out;
}

static int read_plain(struct pp_notification *n, struct pp_bytes plain)
{
    struct pp_found found;
    struct pp_source source = pp_source_of(&plain);
    uint8_t digest[32];
    int bad = pp_plain_find(&found, &source, plain.len, UNSIGNED_HEAD);
    if (bad) {
        return bad;
    }
    struct pp_bytes text = pp_bytes(plain.data + found.content, (size_t)found.n);
    bad = pp_notification_decode(n, text);
    if (!bad && found.has_signature) {
        pp_sha256(digest, text);
        n->is_signed = pp_signed_check(pp_buf_bytes(&found.tail), digest, &n->signer) == PP_OK;
    }
    pp_found_finish(&found);
    return bad;
}

int pp_open_notification(struct pp_notification *n, struct pp_bytes sealed,
                         struct pp_certificate *const *certificates, EVP_PKEY *const *keys,
                         size_t n_keys, struct pp_error *error)
{
    BIO *plain = NULL;
    char *octets;
    *n = (struct pp_notification){0};
    if (sealed.len > PP_NOTIFICATION_MAX || !pp_envelope_is_sound(sealed)) {
        return pp_fail(error, PP_MALFORMED,
                       "a notification is not in a form that this version "
                       "knows");
    }
    for (size_t i = 0; i < n_keys && !plain; i++) {
        plain = decrypt_with(sealed, certificates[i]->x509, keys[i]);
    }
    if (!plain) {
        return pp_fail(error, PP_CRYPTO,
                       "a notification does not decrypt with any of your keys: "
                       "it was altered, or is for another key");
    }
    long len = BIO_get_mem_data(plain, &octets);
    int bad = read_plain(n, pp_bytes(octets, (size_t)len));
    BIO_free(plain);
    if (bad) {
        pp_notification_finish(n);
        return pp_fail(error, PP_MALFORMED,
                       "a notification's content is not in a form that this "
                       "version knows");
    }
    return PP_OK;
}

void pp_notification_finish(struct pp_notification *n)
{
    struct pp_buf *const texts[] = {&n->recipient, &n->object_id, &n->from, &n->to,
                                    &n->cc,        &n->subject,   &n->date, &n->rollover,
                                    &n->text,      &n->after};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        pp_buf_wipe(texts[i]);
    }
    pp_certificate_free(n->signer);
    OPENSSL_cleanse(n, sizeof *n);
}
