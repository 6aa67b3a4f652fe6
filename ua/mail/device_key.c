/* Secrets and identifiers of devices' logs; see device_key.h. It must not know what is in them. */
#include <mail/device_key.h>

#include <base/encode.h>
#include <base/hash.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>
#include <stdio.h>

#define PURPOSE "Peerpost devices 1"

static int hmac(uint8_t out[32], struct pp_bytes key, const char *purpose, struct pp_bytes text)
{
    struct pp_buf all = {0};
    unsigned len = 32;
    pp_buf_add(&all, purpose, strlen(purpose) + 1);
    pp_buf_add(&all, text.data, text.len);
    bool made = !all.failed &&
                HMAC(EVP_sha256(), key.data, (int)key.len, all.data, all.len, out, &len) != NULL;
    pp_buf_free(&all);
    return made ? PP_OK : PP_CRYPTO;
}

/* --- the secret ---------------------------------------------------------------------------- */

/* Only who has the private key can compute it: the square Diffie-Hellman problem. */
static int by_ecdh(struct pp_buf *out, EVP_PKEY *key, const struct pp_certificate *certificate)
{
    size_t len = 0;
    EVP_PKEY *own = X509_get0_pubkey(certificate->x509);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool made = c && own && EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, own) == 1 &&
                EVP_PKEY_derive(c, NULL, &len) == 1 && pp_buf_reserve(out, len + 1) == PP_OK &&
                EVP_PKEY_derive(c, out->data, &len) == 1;
    EVP_PKEY_CTX_free(c);
    out->len = made ? len : 0;
    return made && len ? PP_OK : PP_CRYPTO;
}

/* PKCS#1 v1.5 has no randomness in it; nothing else that is signed begins so. */
static int by_signature(struct pp_buf *out, EVP_PKEY *key)
{
    static const uint8_t text[] = PURPOSE;
    size_t len = 0;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool made = c && EVP_DigestSignInit_ex(c, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
                EVP_DigestSign(c, NULL, &len, text, sizeof text) == 1 &&
                pp_buf_reserve(out, len + 1) == PP_OK &&
                EVP_DigestSign(c, out->data, &len, text, sizeof text) == 1;
    EVP_MD_CTX_free(c);
    out->len = made ? len : 0;
    return made && len ? PP_OK : PP_CRYPTO;
}

int pp_device_secret(uint8_t out[PP_DEVICE_SECRET], EVP_PKEY *key,
                     const struct pp_certificate *certificate)
{
    struct pp_buf raw = {0};
    int rc = EVP_PKEY_is_a(key, "RSA") ? by_signature(&raw, key) : by_ecdh(&raw, key, certificate);
    rc = rc == PP_OK ? hmac(out, pp_buf_bytes(&raw), PURPOSE,
                            pp_bytes(certificate->spki_hash, sizeof certificate->spki_hash))
                     : rc;
    pp_buf_wipe(&raw);
    return rc;
}

/* --- objects ------------------------------------------------------------------------------- */

static int name_it(struct pp_device_object *out, const uint8_t id[16])
{
    struct pp_buf text = {0};
    int rc = pp_base32(&text, pp_bytes(id, 16));
    snprintf(out->identifier, sizeof out->identifier, "%s@peerpost.invalid",
             rc == PP_OK ? (const char *)text.data : "");
    pp_buf_free(&text);
    return rc;
}

int pp_device_object(struct pp_device_object *out, const uint8_t secret[PP_DEVICE_SECRET],
                     const uint8_t *device, uint64_t n)
{
    uint8_t text[PP_DEVICE_ID + 8] = {0}, id[32];
    size_t len = device ? PP_DEVICE_ID : 0;
    const struct pp_bytes k = pp_bytes(secret, PP_DEVICE_SECRET);
    if (device) {
        memcpy(text, device, PP_DEVICE_ID);
    }
    pp_put64(text + len, n);
    const struct pp_bytes what = pp_bytes(text, len + 8);
    int rc = hmac(id, k, device ? "record" : "directory", what);
    rc = rc == PP_OK ? name_it(out, id) : rc;
    rc = rc == PP_OK ? hmac(out->key, k, "key", pp_str(out->identifier)) : rc;
    return rc == PP_OK ? hmac(out->seed, k, "deletion", pp_str(out->identifier)) : rc;
}

int pp_device_message(struct pp_device_object *out, const uint8_t id[16], const uint8_t key[32])
{
    int rc = name_it(out, id);
    memcpy(out->key, key, sizeof out->key);
    return rc == PP_OK ? hmac(out->seed, pp_bytes(key, 32), "deletion", pp_str(out->identifier))
                       : rc;
}
