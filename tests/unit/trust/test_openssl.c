/* Times at the ends of what certificates may say, and kinds of keys. */
#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <trust/openssl.h>

static pp_ns wall(const char *text)
{
    ASN1_TIME *time = ASN1_TIME_new();
    CU_ASSERT_EQUAL_FATAL(ASN1_TIME_set_string(time, text), 1);
    pp_ns out = pp_wall_of(time);
    ASN1_TIME_free(time);
    return out;
}

static void test_times(void)
{
    CU_ASSERT_EQUAL(pp_wall_of(NULL), 0);
    CU_ASSERT_EQUAL(wall("700101000001Z"), PP_SECOND);
    CU_ASSERT_EQUAL(wall("19500101000000Z"), 0);
    CU_ASSERT_EQUAL(wall("20270115080000Z"), (pp_ns)1800000000 * PP_SECOND);
    CU_ASSERT_EQUAL(wall("99991231235959Z"), PP_NEVER);
}

static void test_curves(void)
{
    EVP_PKEY *p256 = EVP_EC_gen("P-256"), *p384 = EVP_EC_gen("P-384");
    CU_ASSERT_TRUE(pp_key_is_p256(p256));
    CU_ASSERT_FALSE(pp_key_is_p256(p384));
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
}

static void test_bio_take(void)
{
    struct pp_buf out = {0};
    BIO *bio = BIO_new(BIO_s_mem());
    CU_ASSERT_EQUAL(BIO_puts(bio, "text"), 4);
    CU_ASSERT_EQUAL(pp_bio_take(&out, bio, true), PP_OK);
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&out), "text"));
    CU_ASSERT_EQUAL(pp_bio_take(&out, BIO_new(BIO_s_mem()), false), PP_NOMEM);
    CU_ASSERT_EQUAL(pp_bio_take(&out, NULL, true), PP_NOMEM);
    CU_ASSERT_EQUAL(out.len, 4);
    pp_buf_free(&out);
}

CHECK_MAIN("openssl", CHECK(test_times), CHECK(test_curves), CHECK(test_bio_take))
