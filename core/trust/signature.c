/* Making and verifying request signatures; see signature.h. Parsing: signature_parse.c. */
#include <trust/signature.h>

#include <base/encode.h>
#include <inttypes.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <trust/openssl.h>
#include <trust/signature_base.h>

#define P256_HALF 32
#define PSS_SALT 64 /* RFC 9421 section 3.3.1 */

const char *pp_component_name(enum pp_component component)
{
    static const char *const names[] = {"@method",        "@authority", "@path",
                                        "content-digest", "pragma",     "peerpost-confirm"};
    return names[component];
}

struct pp_bytes pp_component_value(const struct pp_covered *covered, enum pp_component component)
{
    const struct pp_bytes values[] = {covered->method, covered->authority,
                                      covered->path,   covered->content_digest,
                                      covered->pragma, covered->confirm};
    return values[component];
}

bool pp_component_due(const struct pp_covered *covered, enum pp_component component)
{
    return component <= PP_COVERS_DIGEST || pp_component_value(covered, component).data;
}

int pp_base_line(struct pp_buf *base, enum pp_component component, const struct pp_covered *covered)
{
    struct pp_bytes value = pp_component_value(covered, component);
    pp_buf_printf(base, "\"%s\": ", pp_component_name(component));
    pp_buf_add(base, value.data, value.len);
    return pp_buf_add_str(base, "\n");
}

int pp_base_end(struct pp_buf *base, struct pp_bytes params)
{
    pp_buf_add_str(base, "\"@signature-params\": ");
    return pp_buf_add(base, params.data, params.len);
}

const char *pp_algorithm_name(enum pp_algorithm algorithm)
{
    static const char *const names[] = {"ecdsa-p256-sha256", "ed25519", "rsa-pss-sha512"};
    return names[algorithm];
}

/* The one algorithm that fits a key; negative when there is none. */
static int algorithm_of(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "ED25519")) {
        return PP_ALG_ED25519;
    }
    if (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= 3072) {
        return PP_ALG_RSA_PSS_SHA512;
    }
    return pp_key_is_p256(key) ? PP_ALG_ECDSA_P256_SHA256 : PP_CRYPTO;
}

static const EVP_MD *digest_of(enum pp_algorithm algorithm)
{
    switch (algorithm) {
    case PP_ALG_ECDSA_P256_SHA256:
        return EVP_sha256();
    case PP_ALG_RSA_PSS_SHA512:
        return EVP_sha512();
    case PP_ALG_ED25519:
        return NULL;
    }
    return NULL;
}

static bool set_padding(EVP_PKEY_CTX *ctx, enum pp_algorithm algorithm)
{
    return algorithm != PP_ALG_RSA_PSS_SHA512 ||
           (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, PSS_SALT) > 0);
}

/* RFC 9421 section 3.3.4 has r and s side by side, OpenSSL wants DER. Caller frees *der. */
static int der_of_raw(uint8_t **der, const uint8_t *raw)
{
    int len = -1;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, P256_HALF, NULL), *s = BN_bin2bn(raw + P256_HALF, P256_HALF, NULL);
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s)) {
        r = s = NULL;
        len = i2d_ECDSA_SIG(pair, der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return len;
}

static int raw_of_der(uint8_t raw[2 * P256_HALF], const uint8_t *der, size_t len)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool made = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, P256_HALF) == P256_HALF &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + P256_HALF, P256_HALF) == P256_HALF;
    ECDSA_SIG_free(pair);
    return made ? PP_OK : PP_CRYPTO;
}

static bool holds(const struct pp_signed *s, EVP_PKEY *key, const uint8_t *signature, size_t len)
{
    EVP_PKEY_CTX *params;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit(ctx, &params, digest_of(s->algorithm), NULL, key) == 1 &&
              set_padding(params, s->algorithm) &&
              EVP_DigestVerify(ctx, signature, len, s->base.data, s->base.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

int pp_signed_verify(const struct pp_signed *s, EVP_PKEY *key)
{
    if (algorithm_of(key) != (int)s->algorithm) {
        return PP_SIGNATURE;
    }
    if (s->algorithm != PP_ALG_ECDSA_P256_SHA256) {
        return holds(s, key, s->signature, s->signature_len) ? PP_OK : PP_SIGNATURE;
    }
    uint8_t *der = NULL;
    int len = s->signature_len == 2 * P256_HALF ? der_of_raw(&der, s->signature) : -1;
    bool ok = len > 0 && holds(s, key, der, (size_t)len);
    OPENSSL_free(der);
    return ok ? PP_OK : PP_SIGNATURE;
}

static int add_params(struct pp_buf *out, const struct pp_covered *covered,
                      enum pp_algorithm algorithm, const uint8_t keyid[32], int64_t created,
                      int64_t expires, const uint8_t nonce[16])
{
    pp_buf_add_str(out, "(");
    for (int i = 0; i < PP_COVERS_ALL; i++) {
        if (pp_component_due(covered, (enum pp_component)i)) {
            pp_buf_printf(out, "%s\"%s\"", i ? " " : "", pp_component_name((enum pp_component)i));
        }
    }
    pp_buf_printf(out, ");created=%" PRId64 ";expires=%" PRId64 ";nonce=\"", created, expires);
    pp_base64url(out, pp_bytes(nonce, 16));
    pp_buf_add_str(out, "\";keyid=\"");
    pp_base64url(out, pp_bytes(keyid, 32));
    return pp_buf_printf(out, "\";alg=\"%s\";tag=\"peerpost\"", pp_algorithm_name(algorithm));
}

static int sign_base(uint8_t out[512], size_t *out_len, EVP_PKEY *key, enum pp_algorithm algorithm,
                     struct pp_bytes base)
{
    EVP_PKEY_CTX *params;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    *out_len = 512;
    bool ok = ctx && EVP_DigestSignInit(ctx, &params, digest_of(algorithm), NULL, key) == 1 &&
              set_padding(params, algorithm) &&
              EVP_DigestSign(ctx, out, out_len, base.data, base.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    if (ok && algorithm == PP_ALG_ECDSA_P256_SHA256) {
        uint8_t raw[2 * P256_HALF];
        ok = raw_of_der(raw, out, *out_len) == PP_OK;
        memcpy(out, raw, sizeof raw);
        *out_len = sizeof raw;
    }
    return ok ? PP_OK : PP_CRYPTO;
}

int pp_sign_request(struct pp_buf *signature_input, struct pp_buf *signature, EVP_PKEY *key,
                    const uint8_t keyid[32], const struct pp_covered *covered, int64_t created,
                    int64_t expires, const uint8_t nonce[16])
{
    struct pp_buf params = {0}, base = {0};
    uint8_t octets[512];
    size_t len = 0;
    int algorithm = algorithm_of(key);
    if (algorithm < 0) {
        return PP_CRYPTO;
    }
    add_params(&params, covered, (enum pp_algorithm)algorithm, keyid, created, expires, nonce);
    for (int i = 0; i < PP_COVERS_ALL; i++) {
        if (pp_component_due(covered, (enum pp_component)i)) {
            pp_base_line(&base, (enum pp_component)i, covered);
        }
    }
    pp_base_end(&base, pp_buf_bytes(&params));
    int bad = params.failed || base.failed
                  ? PP_NOMEM
                  : sign_base(octets, &len, key, (enum pp_algorithm)algorithm, pp_buf_bytes(&base));
    if (!bad) {
        pp_buf_add_str(signature_input, "sig=");
        pp_buf_add(signature_input, params.data, params.len);
        pp_buf_add_str(signature, "sig=:");
        pp_base64(signature, pp_bytes(octets, len));
        pp_buf_add_str(signature, ":");
        bad = signature_input->failed || signature->failed ? PP_NOMEM : PP_OK;
    }
    pp_buf_free(&params);
    pp_buf_free(&base);
    return bad;
}
