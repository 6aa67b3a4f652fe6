/* Requests made by a user agent, read by a CA. */
#include <check.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <trust/issue.h>

static void test_round_trip(void)
{
    static const char *const addresses[] = {"Bob@X", "b\xc3\xb6"
                                                     "b@x"};
    struct pp_buf pem = {0};
    struct pp_request r;
    EVP_PKEY *key;
    pp_key_generate(&key);
    CU_ASSERT_EQUAL(pp_request_create(&pem, key, addresses, 2, NULL), PP_OK);
    CU_ASSERT_EQUAL(pp_request_parse(&r, pp_buf_bytes(&pem), NULL), PP_OK);
    CU_ASSERT_EQUAL(r.n_addresses, 2);
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&r.address[0]), "bob@x"));
    CU_ASSERT_EQUAL(EVP_PKEY_eq(r.key, key), 1);
    pp_request_finish(&r);
    pem.len = 0;
    CU_ASSERT_EQUAL(pp_request_create(&pem, key, NULL, 0, NULL), PP_OK);
    CU_ASSERT_EQUAL(pp_request_parse(&r, pp_buf_bytes(&pem), NULL), PP_OK);
    CU_ASSERT_EQUAL(r.n_addresses, 0);
    pp_request_finish(&r);
    EVP_PKEY_free(key);
    pp_buf_free(&pem);
}

static void test_refused(void)
{
    static const char *const good = "bob@x", *const bad = "bob";
    struct pp_buf pem = {0};
    struct pp_request r;
    struct pp_error error;
    EVP_PKEY *key;
    pp_key_generate(&key);
    CU_ASSERT_EQUAL(pp_request_create(&pem, key, &bad, 1, &error), PP_MALFORMED);
    CU_ASSERT_EQUAL(pp_request_parse(&r, pp_str("junk"), &error), PP_MALFORMED);
    CU_ASSERT_EQUAL(pp_request_parse(&r, pp_bytes(NULL, 0), &error), PP_MALFORMED);
    CU_ASSERT_EQUAL(pp_request_create(&pem, key, &good, 1, NULL), PP_OK);
    char *end = strstr((char *)pem.data, "\n-----END"); /* the signature's last octets */
    CHECK_FATAL(end != NULL);
    end[-6] = end[-6] == 'A' ? 'B' : 'A';
    int code = pp_request_parse(&r, pp_buf_bytes(&pem), &error);
    CU_ASSERT_TRUE(code == PP_SIGNATURE || code == PP_MALFORMED);
    CU_ASSERT_PTR_NULL(r.key);
    EVP_PKEY_free(key);
    pp_buf_free(&pem);
}

CHECK_MAIN("requests", CHECK(test_round_trip), CHECK(test_refused))
