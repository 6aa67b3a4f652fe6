/* Deletion capabilities: small, nameless, the same for the same seed. */
#include <check.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <trust/certificate.h>

static void test_same_seed_same_octets(void)
{
    uint8_t seed[32] = {1};
    EVP_PKEY *key[3];
    struct pp_certificate *c[3];
    for (int i = 0; i < 3; i++) {
        seed[1] = i == 2;
        CU_ASSERT_EQUAL_FATAL(pp_capability(seed, &key[i], &c[i]), PP_OK);
    }
    CU_ASSERT_TRUE(pp_bytes_equal(pp_buf_bytes(&c[0]->der), pp_buf_bytes(&c[1]->der)));
    CU_ASSERT_NOT_EQUAL(memcmp(c[0]->keyid, c[2]->keyid, 32), 0);
    CU_ASSERT_EQUAL(c[0]->kind, PP_CERT_CAPABILITY);
    CU_ASSERT_TRUE(c[0]->der.len <= 213);
    CU_ASSERT_EQUAL(X509_verify(c[0]->x509, key[0]), 1);
    CU_ASSERT_EQUAL(X509_verify(c[0]->x509, key[2]), 0);
    CU_ASSERT_EQUAL(c[0]->not_after, PP_NEVER);
    CU_ASSERT_EQUAL(c[0]->not_before, 0);
    CU_ASSERT_FALSE(pp_certificate_has_address(c[0], pp_str("")));
    for (int i = 0; i < 3; i++) {
        EVP_PKEY_free(key[i]);
        pp_certificate_free(c[i]);
    }
}

CHECK_MAIN("capability", CHECK(test_same_seed_same_octets))
