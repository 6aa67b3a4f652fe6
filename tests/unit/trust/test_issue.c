/* The profiles: what each kind of certificate says, octet for octet where it matters. */
#include <identities.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

static bool critical(const X509 *x509, int nid)
{
    int at = X509_get_ext_by_NID(x509, nid, -1);
    CU_ASSERT_TRUE(at >= 0);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(x509, at));
}

static void test_root(void)
{
    struct identities ids;
    identities_init(&ids);
    X509 *x = ids.root->x509;
    CU_ASSERT_EQUAL(X509_check_ca(x), 1);
    CU_ASSERT_EQUAL(X509_get_pathlen(x), 0);
    CU_ASSERT_EQUAL(X509_get_key_usage(x), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    CU_ASSERT_TRUE(critical(x, NID_basic_constraints));
    CU_ASSERT_TRUE(critical(x, NID_key_usage));
    CU_ASSERT_TRUE(critical(x, NID_name_constraints));
    CU_ASSERT_EQUAL(X509_self_signed(x, 1), 1);
    identities_finish(&ids);
}

static void test_address(void)
{
    static const char *const addresses[] = {"a@x", "b@sub.x"};
    struct identities ids;
    struct pp_certificate *c;
    EVP_PKEY *key;
    identities_init(&ids);
    ids.issuer.crl_url = "http://crl.example/x";
    pp_key_generate(&key);
    CU_ASSERT_EQUAL(pp_issue_address(&c, &ids.issuer, key, addresses, 2, &ids.validity, NULL),
                    PP_OK);
    X509 *x = c->x509;
    CU_ASSERT_EQUAL(X509_NAME_entry_count(X509_get_subject_name(x)), 0);
    CU_ASSERT_TRUE(critical(x, NID_subject_alt_name));
    CU_ASSERT_TRUE(critical(x, NID_key_usage));
    CU_ASSERT_EQUAL(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT);
    CU_ASSERT_EQUAL(X509_get_extended_key_usage(x), XKU_SMIME);
    CU_ASSERT_PTR_NOT_NULL(X509_get0_subject_key_id(x));
    CU_ASSERT_EQUAL(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(x),
                                          X509_get0_subject_key_id(ids.root->x509)),
                    0);
    CU_ASSERT_TRUE(X509_get_ext_by_NID(x, NID_crl_distribution_points, -1) >= 0);
    CU_ASSERT_EQUAL(c->n_addresses, 2);
    CU_ASSERT_TRUE(pp_certificate_has_address(c, pp_str("b@sub.x")));
    pp_certificate_free(c);
    EVP_PKEY_free(key);
    identities_finish(&ids);
}

static void test_rsa_address_and_weak_keys(void)
{
    static const char *const address = "a@x";
    struct identities ids;
    struct pp_certificate *c;
    struct pp_error error;
    identities_init(&ids);
    EVP_PKEY *good = EVP_RSA_gen(3072), *weak = EVP_RSA_gen(2048), *curve = EVP_EC_gen("P-384");
    CU_ASSERT_EQUAL(pp_issue_address(&c, &ids.issuer, good, &address, 1, &ids.validity, NULL),
                    PP_OK);
    CU_ASSERT_EQUAL(X509_get_key_usage(c->x509), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
    pp_certificate_free(c);
    CU_ASSERT_EQUAL(pp_issue_address(&c, &ids.issuer, weak, &address, 1, &ids.validity, &error),
                    PP_INVALID);
    CU_ASSERT_EQUAL(pp_issue_address(&c, &ids.issuer, curve, &address, 1, &ids.validity, &error),
                    PP_INVALID);
    CU_ASSERT_EQUAL(pp_issue_node(&c, &ids.issuer, good, &ids.validity, &error), PP_INVALID);
    CU_ASSERT_PTR_NULL(c);
    EVP_PKEY_free(good);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(curve);
    identities_finish(&ids);
}

static void test_node(void)
{
    struct identities ids;
    EVP_PKEY *key;
    identities_init(&ids);
    struct pp_certificate *c = identities_node(&ids, &key), *own;
    CU_ASSERT_EQUAL(X509_get_extended_key_usage(c->x509), XKU_SSL_SERVER | XKU_SSL_CLIENT);
    CU_ASSERT_TRUE(critical(c->x509, NID_subject_alt_name));
    CU_ASSERT_EQUAL(pp_issue_node(&own, NULL, key, &ids.validity, NULL), PP_OK);
    CU_ASSERT_EQUAL(own->kind, PP_CERT_NODE);
    CU_ASSERT_EQUAL(X509_verify(own->x509, key), 1);
    CU_ASSERT_EQUAL(memcmp(own->spki_hash, c->spki_hash, 32), 0);
    pp_certificate_free(c);
    pp_certificate_free(own);
    EVP_PKEY_free(key);
    identities_finish(&ids);
}

static void test_bad_domain(void)
{
    static const char *const bad[] = {"", ".", "a b", "x@y", "-x"};
    struct pp_validity v = {0, 1000};
    struct pp_certificate *c;
    struct pp_error error;
    EVP_PKEY *key;
    pp_key_generate(&key);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CU_ASSERT_EQUAL(pp_issue_root(&c, key, "r", &bad[i], 1, &v, &error), PP_MALFORMED);
        CU_ASSERT_PTR_NULL(c);
    }
    EVP_PKEY_free(key);
}

CHECK_MAIN("issue", CHECK(test_root), CHECK(test_address), CHECK(test_rsa_address_and_weak_keys),
           CHECK(test_node), CHECK(test_bad_domain))
