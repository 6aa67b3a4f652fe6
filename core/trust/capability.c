/*
 * Deletion capabilities: an Ed25519 key from a seed and a certificate that names nobody. Whoever
 * holds the seed may delete; the certificate in an object's set tells a node nothing else.
 */
#include <trust/certificate.h>

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

/* Everything is fixed but the key, so that the same seed gives the same octets. */
static int self_sign(X509 *x509, EVP_PKEY *key)
{
    bool filled = ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) &&
                  ASN1_TIME_set_string(X509_getm_notBefore(x509), "19700101000000Z") &&
                  ASN1_TIME_set_string(X509_getm_notAfter(x509), "99991231235959Z") &&
                  X509_set_pubkey(x509, key);
    return filled && X509_sign(x509, key, NULL) > 0 ? PP_OK : PP_CRYPTO;
}

int pp_capability(const uint8_t seed[32], EVP_PKEY **key, struct pp_certificate **c)
{
    uint8_t *der = NULL;
    int bad = PP_CRYPTO;
    X509 *x509 = X509_new();
    *c = NULL;
    *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    if (x509 && *key && self_sign(x509, *key) == PP_OK) {
        int len = i2d_X509(x509, &der);
        bad = len > 0 ? pp_certificate_parse(c, pp_bytes(der, (size_t)len)) : PP_CRYPTO;
    }
    if (bad) {
        EVP_PKEY_free(*key);
        *key = NULL;
    }
    OPENSSL_free(der);
    X509_free(x509);
    ERR_clear_error();
    return bad;
}
