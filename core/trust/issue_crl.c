/* Revocation lists as a CA makes them (RFC 5280 section 5); see issue.h. */
#include <trust/issue.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <trust/openssl.h>

static bool push(X509_CRL *crl, const struct pp_revocation *revocation)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    BIGNUM *number = BN_bin2bn(revocation->serial.data, (int)revocation->serial.len, NULL);
    ASN1_INTEGER *serial = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)revocation->when);
    bool pushed = entry && serial && when && X509_REVOKED_set_serialNumber(entry, serial) &&
                  X509_REVOKED_set_revocationDate(entry, when) && X509_CRL_add0_revoked(crl, entry);
    if (!pushed) {
        X509_REVOKED_free(entry);
    }
    BN_free(number);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(when);
    return pushed;
}

static bool add_number(X509_CRL *crl, uint64_t number)
{
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    bool added = value && ASN1_INTEGER_set_uint64(value, number) &&
                 X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, X509V3_ADD_DEFAULT) == 1;
    ASN1_INTEGER_free(value);
    return added;
}

static bool add_authority_key(X509_CRL *crl, const struct pp_issuer *issuer)
{
    AUTHORITY_KEYID *aki = pp_authority_keyid(issuer->certificate->x509);
    bool added = aki && X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, aki, 0,
                                              X509V3_ADD_DEFAULT) == 1;
    AUTHORITY_KEYID_free(aki);
    return added;
}

static bool set_head(X509_CRL *crl, const struct pp_issuer *issuer,
                     const struct pp_validity *validity)
{
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)validity->not_before);
    ASN1_TIME *to = ASN1_TIME_set(NULL, (time_t)validity->not_after);
    bool set = from && to && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
               X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate->x509)) &&
               X509_CRL_set1_lastUpdate(crl, from) && X509_CRL_set1_nextUpdate(crl, to);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return set;
}

static int add_pem(struct pp_buf *pem, X509_CRL *crl)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return pp_bio_take(pem, bio, bio && PEM_write_bio_X509_CRL(bio, crl));
}

int pp_issue_crl(struct pp_buf *pem, const struct pp_issuer *issuer,
                 const struct pp_revocation *revoked, size_t n, uint64_t number,
                 const struct pp_validity *validity, struct pp_error *error)
{
    X509_CRL *crl = X509_CRL_new();
    bool filled = crl && set_head(crl, issuer, validity) && add_authority_key(crl, issuer) &&
                  add_number(crl, number);
    for (size_t i = 0; filled && i < n; i++) {
        filled = push(crl, &revoked[i]);
    }
    int bad = PP_CRYPTO;
    if (filled && X509_CRL_sort(crl) && X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0) {
        bad = add_pem(pem, crl);
    }
    if (bad) {
        pp_fail(error, bad, "cannot make the revocation list");
    }
    X509_CRL_free(crl);
    ERR_clear_error();
    return bad;
}
