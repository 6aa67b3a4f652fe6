/* Secrets from keys: the same on every computer that has the key, and of no other; identifiers that
 * look like anybody's. */
#include <check.h>
#include <identities.h>
#include <mail/device_key.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

static struct identities ids;

static void check_key(EVP_PKEY *key, struct pp_certificate *c)
{
    uint8_t a[32], b[32];
    CU_ASSERT_EQUAL(pp_device_secret(a, key, c), PP_OK);
    CU_ASSERT_EQUAL(pp_device_secret(b, key, c), PP_OK);
    CU_ASSERT(memcmp(a, b, sizeof a) == 0);
}

static void test_secrets(void)
{
    uint8_t a[32], b[32];
    EVP_PKEY *key, *other;
    identities_init(&ids);
    struct pp_certificate *c = identities_user(&ids, "anna@x", &key);
    struct pp_certificate *d = identities_user(&ids, "anna@x", &other);
    check_key(key, c);
    CU_ASSERT_EQUAL(pp_device_secret(a, key, c), PP_OK);
    CU_ASSERT_EQUAL(pp_device_secret(b, other, d), PP_OK);
    CU_ASSERT(memcmp(a, b, sizeof a) != 0);
    CU_ASSERT(pp_device_secret(b, other, c) != PP_OK || memcmp(a, b, sizeof a) != 0);
    pp_certificate_free(c);
    pp_certificate_free(d);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    identities_finish(&ids);
}

static void test_rsa(void)
{
    identities_init(&ids);
    EVP_PKEY *key = EVP_RSA_gen(3072);
    struct pp_certificate *c = NULL;
    const char *address = "anna@x";
    CHECK_FATAL(key != NULL);
    CHECK_FATAL(pp_issue_address(&c, &ids.issuer, key, &address, 1, &ids.validity, NULL) == PP_OK);
    check_key(key, c);
    pp_certificate_free(c);
    EVP_PKEY_free(key);
    identities_finish(&ids);
}

static void test_objects(void)
{
    static const uint8_t k[32] = {1}, other[32] = {2}, d[16] = {3}, e[16] = {4};
    struct pp_device_object o[6];
    CU_ASSERT_EQUAL(pp_device_object(&o[0], k, d, 0), PP_OK);
    CU_ASSERT_EQUAL(pp_device_object(&o[1], k, d, 1), PP_OK);
    CU_ASSERT_EQUAL(pp_device_object(&o[2], k, e, 0), PP_OK);
    CU_ASSERT_EQUAL(pp_device_object(&o[3], k, NULL, 0), PP_OK);
    CU_ASSERT_EQUAL(pp_device_object(&o[4], other, d, 0), PP_OK);
    CU_ASSERT_EQUAL(pp_device_message(&o[5], d, k), PP_OK);
    for (int i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(strlen(o[i].identifier), 26 + strlen("@peerpost.invalid"));
        CU_ASSERT(memcmp(o[i].key, o[i].seed, 32) != 0);
        for (int j = 0; j < i; j++) {
            CU_ASSERT_STRING_NOT_EQUAL(o[i].identifier, o[j].identifier);
            CU_ASSERT(memcmp(o[i].key, o[j].key, 32) != 0);
            CU_ASSERT(memcmp(o[i].seed, o[j].seed, 32) != 0);
        }
    }
}

/* The format of docs/protocol.md, computed once by another program (Python's hmac). */
static void test_known_answer(void)
{
    uint8_t k[32];
    struct pp_device_object o;
    memset(k, 7, sizeof k);
    CU_ASSERT_EQUAL(pp_device_object(&o, k, (const uint8_t *)"0123456789abcdef", 258), PP_OK);
    CU_ASSERT_STRING_EQUAL(o.identifier, "3q255lehkjv3mdiwdyy3qkwjye@peerpost.invalid");
    CU_ASSERT_EQUAL(pp_device_object(&o, k, NULL, 3), PP_OK);
    CU_ASSERT_STRING_EQUAL(o.identifier, "suyzdhavsbkvc6qgirmehyxfde@peerpost.invalid");
}

CHECK_MAIN("device_key", CHECK(test_secrets), CHECK(test_rsa), CHECK(test_objects),
           CHECK(test_known_answer))
