/* SignedData, written by hand and verified by OpenSSL; see signed.h. */
#include <seal/signed.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <seal/der.h>

#define SEQUENCE 0x30
#define SET 0x31
#define OCTET_STRING 0x04
#define CONTEXT_0 0xa0

/* Object identifiers and algorithms, encoded. */
static const uint8_t oid_signed[] = {0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2};
static const uint8_t oid_data[] = {0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1};
static const uint8_t sha256_alg[] = {SEQUENCE, 11, 0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1};
static const uint8_t ecdsa_alg[] = {SEQUENCE, 10, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2};
static const uint8_t rsa_alg[] = {SEQUENCE, 13,   0x06, 9, 0x2a, 0x86, 0x48, 0x86,
                                  0xf7,     0x0d, 1,    1, 11,   5,    0};
static const uint8_t version_1[] = {0x02, 1, 1};
/* content-type is id-data; message-digest follows up to its 32 octets (RFC 5652 section 11). */
static const uint8_t attributes[] = {
    SEQUENCE, 24,   0x06, 9,  0x2a,     0x86, 0x48, 0x86, 0xf7,         0x0d, 1,
    9,        3,    SET,  11, 0x06,     9,    0x2a, 0x86, 0x48,         0x86, 0xf7,
    0x0d,     1,    7,    1,  SEQUENCE, 47,   0x06, 9,    0x2a,         0x86, 0x48,
    0x86,     0xf7, 0x0d, 1,  9,        4,    SET,  34,   OCTET_STRING, 32};

#define CONST(array) pp_bytes(array, sizeof(array))

static int add(struct pp_buf *out, struct pp_bytes octets)
{
    return pp_buf_add(out, octets.data, octets.len);
}

/* Signed as a SET, sent as [0] (RFC 5652 section 5.4). */
static int sign_attributes(struct pp_buf *signature, EVP_PKEY *key, struct pp_bytes attrs)
{
    struct pp_buf set = {0};
    size_t len = 0;
    int bad = PP_CRYPTO;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (pp_der_add(&set, SET, attrs) == PP_OK && ctx &&
        EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(ctx, NULL, &len, set.data, set.len) == 1 &&
        pp_buf_reserve(signature, len) == PP_OK &&
        EVP_DigestSign(ctx, signature->data, &len, set.data, set.len) == 1) {
        signature->len = len;
        bad = PP_OK;
    }
    EVP_MD_CTX_free(ctx);
    pp_buf_free(&set);
    ERR_clear_error();
    return bad;
}

static int add_issuer_and_serial(struct pp_buf *out, const X509 *x509)
{
    uint8_t *name = NULL, *serial = NULL;
    struct pp_buf both = {0};
    int n = i2d_X509_NAME(X509_get_issuer_name(x509), &name);
    int m = i2d_ASN1_INTEGER(X509_get0_serialNumber(x509), &serial);
    int bad = PP_CRYPTO;
    if (n > 0 && m > 0) {
        pp_buf_add(&both, name, (size_t)n);
        pp_buf_add(&both, serial, (size_t)m);
        bad = both.failed ? PP_NOMEM : pp_der_add(out, SEQUENCE, pp_buf_bytes(&both));
    }
    OPENSSL_free(name);
    OPENSSL_free(serial);
    pp_buf_free(&both);
    return bad;
}

static int signer_info(struct pp_buf *out, const struct pp_signer *signer, const uint8_t digest[32])
{
    struct pp_buf attrs = {0}, signature = {0}, info = {0};
    add(&attrs, CONST(attributes));
    pp_buf_add(&attrs, digest, 32);
    int bad =
        attrs.failed ? PP_NOMEM : sign_attributes(&signature, signer->key, pp_buf_bytes(&attrs));
    if (!bad) {
        add(&info, CONST(version_1));
        bad = add_issuer_and_serial(&info, signer->certificate->x509);
    }
    if (!bad) {
        add(&info, CONST(sha256_alg));
        pp_der_add(&info, CONTEXT_0, pp_buf_bytes(&attrs));
        add(&info, EVP_PKEY_is_a(signer->key, "RSA") ? CONST(rsa_alg) : CONST(ecdsa_alg));
        pp_der_add(&info, OCTET_STRING, pp_buf_bytes(&signature));
        bad = info.failed ? PP_NOMEM : pp_der_add(out, SEQUENCE, pp_buf_bytes(&info));
    }
    pp_buf_free(&attrs);
    pp_buf_free(&signature);
    pp_buf_free(&info);
    return bad;
}

int pp_signed_tail(struct pp_buf *tail, const struct pp_signer *signer, const uint8_t digest[32])
{
    struct pp_buf info = {0};
    int bad = signer_info(&info, signer, digest);
    if (!bad) {
        pp_der_add(tail, CONTEXT_0, pp_buf_bytes(&signer->certificate->der));
        pp_der_add(tail, SET, pp_buf_bytes(&info));
        bad = tail->failed ? PP_NOMEM : PP_OK;
    }
    pp_buf_free(&info);
    return bad;
}

int pp_signed_head(struct pp_buf *head, uint64_t n, size_t tail_len)
{
    uint64_t wrapped = pp_der_whole_len(n);
    uint64_t content = sizeof oid_data + pp_der_whole_len(wrapped);
    uint64_t body = sizeof version_1 + pp_der_whole_len(sizeof sha256_alg) +
                    pp_der_whole_len(content) + tail_len;
    uint64_t outer = pp_der_whole_len(body);
    pp_der_head(head, SEQUENCE, sizeof oid_signed + pp_der_whole_len(outer));
    add(head, CONST(oid_signed));
    pp_der_head(head, CONTEXT_0, outer);
    pp_der_head(head, SEQUENCE, body);
    add(head, CONST(version_1));
    pp_der_add(head, SET, CONST(sha256_alg));
    pp_der_head(head, SEQUENCE, content);
    add(head, CONST(oid_data));
    pp_der_head(head, CONTEXT_0, wrapped);
    return pp_der_head(head, OCTET_STRING, n);
}

int pp_signed_find(struct pp_bytes start, uint64_t size, uint64_t *content, uint64_t *n)
{
    struct pp_der d = {start, 0, size, false};
    pp_der_enter(&d, SEQUENCE, true);
    pp_der_expect(&d, CONST(oid_signed));
    pp_der_enter(&d, CONTEXT_0, true);
    pp_der_enter(&d, SEQUENCE, true);
    pp_der_expect(&d, CONST(version_1));
    pp_der_expect(&d, pp_bytes("\x31\x0d", 2));
    pp_der_expect(&d, CONST(sha256_alg));
    pp_der_enter(&d, SEQUENCE, false);
    pp_der_expect(&d, CONST(oid_data));
    pp_der_enter(&d, CONTEXT_0, true);
    *n = pp_der_enter(&d, OCTET_STRING, true) - d.at;
    *content = d.at;
    return d.failed ? PP_MALFORMED : PP_OK;
}

/* The same SignedData without its content, which OpenSSL then does not have to hold. */
static CMS_ContentInfo *detached(struct pp_bytes tail)
{
    struct pp_buf der = {0}, inner = {0};
    CMS_ContentInfo *cms = NULL;
    add(&inner, CONST(version_1));
    pp_der_add(&inner, SET, CONST(sha256_alg));
    pp_der_add(&inner, SEQUENCE, CONST(oid_data));
    add(&inner, tail);
    pp_der_head(&der, SEQUENCE, sizeof oid_signed + pp_der_whole_len(pp_der_whole_len(inner.len)));
    add(&der, CONST(oid_signed));
    pp_der_head(&der, CONTEXT_0, pp_der_whole_len(inner.len));
    pp_der_add(&der, SEQUENCE, pp_buf_bytes(&inner));
    if (!inner.failed && !der.failed) {
        const uint8_t *at = der.data;
        cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
        if (cms && at != der.data + der.len) {
            CMS_ContentInfo_free(cms);
            cms = NULL;
        }
    }
    pp_buf_free(&der);
    pp_buf_free(&inner);
    return cms;
}

/* Without signed attributes the signature would be over the content itself, which could then pass
 * for attributes: they are required, and say what the profile says. */
static bool attributes_hold(CMS_SignerInfo *si, const uint8_t digest[32])
{
    const ASN1_OBJECT *type =
        CMS_signed_get0_data_by_OBJ(si, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);
    const ASN1_OCTET_STRING *said = CMS_signed_get0_data_by_OBJ(
        si, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);
    return type && OBJ_obj2nid(type) == NID_pkcs7_data && said && ASN1_STRING_length(said) == 32 &&
           CRYPTO_memcmp(ASN1_STRING_get0_data(said), digest, 32) == 0;
}

static bool is_sha256(CMS_SignerInfo *si)
{
    X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *oid = NULL;
    CMS_SignerInfo_get0_algs(si, NULL, NULL, &algorithm, NULL);
    if (algorithm) {
        X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
    }
    return oid && OBJ_obj2nid(oid) == NID_sha256;
}

static int take_signer(CMS_SignerInfo *si, struct pp_certificate **signer)
{
    X509 *x509 = NULL;
    uint8_t *der = NULL;
    CMS_SignerInfo_get0_algs(si, NULL, &x509, NULL, NULL);
    int len = x509 ? i2d_X509(x509, &der) : -1;
    int bad = len > 0 ? pp_certificate_parse(signer, pp_bytes(der, (size_t)len)) : PP_SIGNATURE;
    OPENSSL_free(der);
    if (!bad && (*signer)->kind != PP_CERT_ADDRESS) {
        pp_certificate_free(*signer);
        *signer = NULL;
        bad = PP_SIGNATURE;
    }
    return bad;
}

int pp_signed_check(struct pp_bytes tail, const uint8_t digest[32], struct pp_certificate **signer)
{
    int bad = PP_SIGNATURE;
    CMS_ContentInfo *cms = detached(tail);
    STACK_OF(CMS_SignerInfo) *signers = cms ? CMS_get0_SignerInfos(cms) : NULL;
    *signer = NULL;
    if (signers && sk_CMS_SignerInfo_num(signers) == 1 &&
        CMS_set1_signers_certs(cms, NULL, 0) == 1) {
        CMS_SignerInfo *si = sk_CMS_SignerInfo_value(signers, 0);
        if (is_sha256(si) && attributes_hold(si, digest) && CMS_SignerInfo_verify(si) == 1) {
            bad = take_signer(si, signer);
        }
    }
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return bad ? PP_SIGNATURE : PP_OK;
}
