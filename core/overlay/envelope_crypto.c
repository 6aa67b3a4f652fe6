/* The envelope's cryptography; see envelope_crypto.h. */
#include <overlay/envelope_crypto.h>

#include <base/hash.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <stdlib.h>

struct pp_gcm {
    EVP_CIPHER *cipher;
    EVP_CIPHER_CTX *seal, *open;
};

struct pp_gcm *pp_gcm_create(void)
{
    struct pp_gcm *gcm = calloc(1, sizeof *gcm);
    if (!gcm) {
        return NULL;
    }
    gcm->cipher = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    gcm->seal = EVP_CIPHER_CTX_new();
    gcm->open = EVP_CIPHER_CTX_new();
    if (!gcm->cipher || !gcm->seal || !gcm->open ||
        EVP_EncryptInit_ex2(gcm->seal, gcm->cipher, NULL, NULL, NULL) != 1 ||
        EVP_DecryptInit_ex2(gcm->open, gcm->cipher, NULL, NULL, NULL) != 1) {
        pp_gcm_destroy(gcm);
        return NULL;
    }
    return gcm;
}

void pp_gcm_destroy(struct pp_gcm *gcm)
{
    if (gcm) {
        EVP_CIPHER_CTX_free(gcm->seal);
        EVP_CIPHER_CTX_free(gcm->open);
        EVP_CIPHER_free(gcm->cipher);
        free(gcm);
    }
}

/* A key serves one direction, so the sequence alone makes the nonce unique. */
static void make_nonce(uint8_t nonce[12], uint64_t sequence)
{
    memset(nonce, 0, 4);
    pp_put64(nonce + 4, sequence);
}

int pp_gcm_seal(struct pp_gcm *gcm, const uint8_t key[16], uint64_t sequence, struct pp_bytes aad,
                struct pp_bytes text, uint8_t *out)
{
    uint8_t nonce[12];
    int n = 0;
    make_nonce(nonce, sequence);
    if (EVP_EncryptInit_ex2(gcm->seal, NULL, key, nonce, NULL) != 1 ||
        EVP_EncryptUpdate(gcm->seal, NULL, &n, aad.data, (int)aad.len) != 1 ||
        EVP_EncryptUpdate(gcm->seal, out, &n, text.data, (int)text.len) != 1 ||
        EVP_EncryptFinal_ex(gcm->seal, out + n, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(gcm->seal, EVP_CTRL_AEAD_GET_TAG, PP_GCM_TAG, out + text.len) != 1) {
        return PP_CRYPTO;
    }
    return PP_OK;
}

int pp_gcm_open(struct pp_gcm *gcm, const uint8_t key[16], uint64_t sequence, struct pp_bytes aad,
                struct pp_bytes sealed, uint8_t *out)
{
    uint8_t nonce[12], tag[PP_GCM_TAG];
    int n = 0;
    if (sealed.len < PP_GCM_TAG) {
        return PP_CRYPTO;
    }
    size_t len = sealed.len - PP_GCM_TAG;
    memcpy(tag, sealed.data + len, sizeof tag);
    make_nonce(nonce, sequence);
    if (EVP_DecryptInit_ex2(gcm->open, NULL, key, nonce, NULL) != 1 ||
        EVP_DecryptUpdate(gcm->open, NULL, &n, aad.data, (int)aad.len) != 1 ||
        EVP_DecryptUpdate(gcm->open, out, &n, sealed.data, (int)len) != 1 ||
        EVP_CIPHER_CTX_ctrl(gcm->open, EVP_CTRL_AEAD_SET_TAG, PP_GCM_TAG, tag) != 1 ||
        EVP_DecryptFinal_ex(gcm->open, out + n, &n) != 1) {
        return PP_CRYPTO;
    }
    return PP_OK;
}

/* ---- keys ---- */

int pp_point_of(uint8_t point[PP_POINT], EVP_PKEY *key)
{
    char group[32];
    size_t len = 0;
    if (!key ||
        EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group,
                                       &len) != 1 ||
        strcmp(group, "prime256v1") != 0) {
        return PP_CRYPTO;
    }
    uint8_t encoded[2 * PP_POINT];
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof encoded,
                                        &len) != 1 ||
        len != PP_POINT || encoded[0] != 4) {
        return PP_CRYPTO;
    }
    memcpy(point, encoded, PP_POINT);
    return PP_OK;
}

int pp_point_key(EVP_PKEY **key, const uint8_t point[PP_POINT])
{
    char group[] = "prime256v1";
    uint8_t copy[PP_POINT];
    memcpy(copy, point, sizeof copy);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof copy),
        OSSL_PARAM_construct_end(),
    };
    *key = NULL;
    if (point[0] != 4) {
        return PP_CRYPTO;
    }
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    bool ok = ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
              EVP_PKEY_fromdata(ctx, key, EVP_PKEY_PUBLIC_KEY, params) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok ? PP_OK : PP_CRYPTO;
}

struct pp_id pp_point_id(const uint8_t point[PP_POINT])
{
    /* SubjectPublicKeyInfo of an uncompressed P-256 key up to its point (RFC 5480). */
    static const uint8_t prefix[26] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                       0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                       0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
    uint8_t spki[sizeof prefix + PP_POINT];
    memcpy(spki, prefix, sizeof prefix);
    memcpy(spki + sizeof prefix, point, PP_POINT);
    return pp_id_of_key(pp_bytes(spki, sizeof spki));
}

int pp_certificate_point(uint8_t point[PP_POINT], struct pp_bytes der)
{
    const uint8_t *at = der.data;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    int code = x && at == der.data + der.len ? pp_point_of(point, X509_get0_pubkey(x)) : PP_CRYPTO;
    X509_free(x);
    return code;
}

int pp_ephemeral_key(EVP_PKEY **key)
{
    *key = EVP_EC_gen("prime256v1");
    return *key ? PP_OK : PP_CRYPTO;
}

/* ---- deriving ---- */

void pp_mac(uint8_t out[32], const uint8_t key[32], struct pp_bytes text)
{
    unsigned len = 32;
    HMAC(EVP_sha256(), key, 32, text.data, text.len, out, &len);
}

static int agree(uint8_t secret[32], EVP_PKEY *own, const uint8_t peer_point[PP_POINT])
{
    EVP_PKEY *peer = NULL;
    size_t len = 32;
    if (pp_point_key(&peer, peer_point) != PP_OK) {
        EVP_PKEY_free(peer);
        return PP_CRYPTO;
    }
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
    bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
              EVP_PKEY_derive(ctx, secret, &len) == 1 && len == 32;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    return ok ? PP_OK : PP_CRYPTO;
}

/* One output block T(n) = HMAC(prk, T(n-1) | info | n). */
static void expand(uint8_t out[32], const uint8_t prk[32], const uint8_t *previous,
                   struct pp_bytes info, uint8_t n)
{
    uint8_t text[32 + 192 + 1];
    size_t at = 0;
    if (previous) {
        memcpy(text, previous, 32);
        at = 32;
    }
    memcpy(text + at, info.data, info.len);
    at += info.len;
    text[at++] = n;
    pp_mac(out, prk, pp_bytes(text, at));
}

int pp_session_derive(struct pp_session_keys *keys, EVP_PKEY *own,
                      const uint8_t peer_point[PP_POINT], const uint8_t initiator[PP_POINT],
                      const uint8_t responder[PP_POINT], const uint8_t salt_a[PP_SALT],
                      const uint8_t salt_b[PP_SALT], const uint8_t network[8])
{
    static const char label[] = "peerpost envelope 1";
    uint8_t secret[32], salt[64] = {0}, prk[32], okm[64];
    uint8_t info[sizeof label - 1 + 2 * PP_POINT];
    _Static_assert(sizeof info <= 192, "info fits expand's buffer");
    if (agree(secret, own, peer_point) != PP_OK) {
        return PP_CRYPTO;
    }
    memcpy(salt, salt_a, PP_SALT);
    memcpy(salt + PP_SALT, salt_b, PP_SALT);
    memcpy(salt + 2 * PP_SALT, network, 8);
    unsigned len = 32;
    HMAC(EVP_sha256(), salt, 2 * PP_SALT + 8, secret, sizeof secret, prk, &len);
    memcpy(info, label, sizeof label - 1);
    memcpy(info + sizeof label - 1, initiator, PP_POINT);
    memcpy(info + sizeof label - 1 + PP_POINT, responder, PP_POINT);
    expand(okm, prk, NULL, pp_bytes(info, sizeof info), 1);
    expand(okm + 32, prk, okm, pp_bytes(info, sizeof info), 2);
    memcpy(keys->to_responder, okm, 16);
    memcpy(keys->to_initiator, okm + 16, 16);
    memcpy(keys->tag, okm + 32, 4);
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(prk, sizeof prk);
    OPENSSL_cleanse(okm, sizeof okm);
    return PP_OK;
}
