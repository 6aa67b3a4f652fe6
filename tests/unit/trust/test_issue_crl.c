/* A revocation list as others read it. */
#include <identities.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void test_list(void)
{
    struct identities ids;
    EVP_PKEY *key, *other_key;
    X509_REVOKED *entry;
    identities_init(&ids);
    struct pp_certificate *c = identities_user(&ids, "a@x", &key);
    struct pp_certificate *other = identities_user(&ids, "b@x", &other_key);
    identities_revoke(&ids, c, 7);
    FILE *f = fopen(ids.crl_file, "r");
    CHECK_FATAL(f != NULL);
    X509_CRL *crl = PEM_read_X509_CRL(f, NULL, NULL, NULL);
    fclose(f);
    CHECK_FATAL(crl != NULL);
    CU_ASSERT_EQUAL(X509_CRL_verify(crl, ids.root_key), 1);
    CU_ASSERT_EQUAL(X509_CRL_get0_by_cert(crl, &entry, c->x509), 1);
    CU_ASSERT_EQUAL(X509_CRL_get0_by_cert(crl, &entry, other->x509), 0);
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    CU_ASSERT_EQUAL(ASN1_INTEGER_get(number), 7);
    CU_ASSERT_TRUE(X509_CRL_get_ext_by_NID(crl, NID_authority_key_identifier, -1) >= 0);
    ASN1_INTEGER_free(number);
    X509_CRL_free(crl);
    pp_certificate_free(c);
    pp_certificate_free(other);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    identities_finish(&ids);
}

CHECK_MAIN("issue_crl", CHECK(test_list))
