/* Roll-over proofs; see rollover.h. It must not know who believes them. */
#include <trust/rollover.h>

#include <base/hash.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define VERSION 1
#define SIGNATURE_MAX 512
/* No message, notification or request begins so: no signature over one passes for another. */
static const char label[] = "Peerpost roll-over 1";

static void signed_text(struct pp_buf *out, const uint8_t next[32])
{
    pp_buf_add(out, label, sizeof label);
    pp_buf_add(out, next, 32);
}

static int sign(struct pp_buf *out, EVP_PKEY *key, const uint8_t next[32])
{
    uint8_t signature[SIGNATURE_MAX];
    size_t len = sizeof signature;
    struct pp_buf text = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    signed_text(&text, next);
    bool made = ctx && !text.failed &&
                EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(ctx, signature, &len, text.data, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    pp_buf_free(&text);
    ERR_clear_error();
    return made ? pp_buf_add(out, signature, len) : PP_CRYPTO;
}

static bool verify(EVP_PKEY *key, const uint8_t next[32], struct pp_bytes signature)
{
    struct pp_buf text = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    signed_text(&text, next);
    bool good = ctx && !text.failed &&
                EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(ctx, signature.data, signature.len, text.data, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    pp_buf_free(&text);
    ERR_clear_error();
    return good;
}

static void add_part(struct pp_buf *out, struct pp_bytes part)
{
    uint8_t length[2] = {(uint8_t)(part.len >> 8), (uint8_t)part.len};
    pp_buf_add(out, length, 2);
    pp_buf_add(out, part.data, part.len);
}

static struct pp_bytes read_part(struct pp_reader *r)
{
    size_t len = pp_read16(r);
    const uint8_t *at = pp_read(r, len);
    return pp_bytes(at, at ? len : 0);
}

/* The links of an earlier proof, as many as still fit; a malformed rest is left out. */
static void add_earlier(struct pp_buf *out, size_t begin, struct pp_bytes before)
{
    struct pp_reader r = pp_reader(before);
    if (!before.len || pp_read8(&r) != VERSION) {
        return;
    }
    while (pp_reader_left(&r)) {
        struct pp_bytes spki = read_part(&r), signature = read_part(&r);
        if (r.failed || out->len - begin + spki.len + signature.len + 4 > PP_ROLLOVER_MAX) {
            return;
        }
        add_part(out, spki);
        add_part(out, signature);
    }
}

int pp_rollover_make(struct pp_buf *proof, EVP_PKEY *old, EVP_PKEY *fresh, struct pp_bytes before)
{
    uint8_t next[32], *spki = NULL;
    const uint8_t version = VERSION;
    size_t begin = proof->len;
    struct pp_buf signature = {0};
    int len = i2d_PUBKEY(old, &spki);
    int rc = len > 0 ? pp_key_hash(fresh, next) : PP_CRYPTO;
    rc = rc == PP_OK ? sign(&signature, old, next) : rc;
    if (rc == PP_OK) {
        pp_buf_add(proof, &version, 1);
        add_part(proof, pp_bytes(spki, (size_t)len));
        add_part(proof, pp_buf_bytes(&signature));
        rc = proof->failed ? PP_NOMEM : proof->len - begin > PP_ROLLOVER_MAX ? PP_TOO_BIG : PP_OK;
    }
    if (rc == PP_OK) {
        add_earlier(proof, begin, before);
    } else {
        proof->len = begin;
    }
    OPENSSL_free(spki);
    pp_buf_free(&signature);
    return rc;
}

/* Follows one link back from the key whose hash is `next`, which becomes the hash of its signer. */
static int follow(struct pp_reader *r, uint8_t next[32])
{
    struct pp_bytes spki = read_part(r), signature = read_part(r);
    const uint8_t *at = spki.data;
    if (r->failed || !spki.len) {
        return PP_MALFORMED;
    }
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)spki.len);
    int rc = !key || at != spki.data + spki.len ? PP_MALFORMED
             : !verify(key, next, signature)    ? PP_SIGNATURE
                                                : PP_OK;
    EVP_PKEY_free(key);
    ERR_clear_error();
    pp_sha256(next, spki);
    return rc;
}

int pp_rollover_verify(struct pp_bytes proof, const uint8_t *from, EVP_PKEY *to)
{
    uint8_t next[32];
    struct pp_reader r = pp_reader(proof);
    if (proof.len > PP_ROLLOVER_MAX || pp_read8(&r) != VERSION || pp_key_hash(to, next) != PP_OK) {
        return PP_MALFORMED;
    }
    for (size_t i = 0; i < PP_ROLLOVER_LINKS && pp_reader_left(&r); i++) {
        int rc = follow(&r, next);
        if (rc != PP_OK) {
            return rc;
        }
        if (!from || memcmp(next, from, 32) == 0) {
            return PP_OK;
        }
    }
    return PP_SIGNATURE;
}
