/* Text encodings against the vectors of RFC 4648 section 10, and hostile text. */
#include <base/encode.h>
#include <check.h>
#include <peerpost/error.h>

static void test_rfc4648_vectors(void)
{
    static const struct {
        const char *plain, *b64, *b32;
    } vectors[] = {{"", "", ""},
                   {"f", "Zg==", "my"},
                   {"fo", "Zm8=", "mzxq"},
                   {"foo", "Zm9v", "mzxw6"},
                   {"foob", "Zm9vYg==", "mzxw6yq"},
                   {"fooba", "Zm9vYmE=", "mzxw6ytb"},
                   {"foobar", "Zm9vYmFy", "mzxw6ytboi"}};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct pp_buf b = {0}, back = {0}, b32 = {0};
        CU_ASSERT_EQUAL(pp_base64(&b, pp_str(vectors[i].plain)), PP_OK);
        CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&b), vectors[i].b64));
        CU_ASSERT_EQUAL(pp_unbase64(&back, pp_buf_bytes(&b)), PP_OK);
        CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&back), vectors[i].plain));
        CU_ASSERT_EQUAL(pp_base32(&b32, pp_str(vectors[i].plain)), PP_OK);
        CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&b32), vectors[i].b32));
        pp_buf_free(&b);
        pp_buf_free(&back);
        pp_buf_free(&b32);
    }
}

static void test_hostile_base64_is_refused(void)
{
    const char *const bad[] = {"Zg=", "Z", "Zh==", "Zg==Zg==", "Zm9 ", "Zm9v\n", "====", "Zg=a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pp_buf b = {0};
        CU_ASSERT_EQUAL(pp_unbase64(&b, pp_str(bad[i])), PP_MALFORMED);
        CU_ASSERT_EQUAL(b.len, 0);
        pp_buf_free(&b);
    }
}

static void test_percent_decodes_once(void)
{
    struct pp_buf b = {0}, back = {0};
    pp_percent(&b, pp_str("a@x/..%41 \x80"));
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&b), "a@x%2F..%2541%20%80"));
    CU_ASSERT_EQUAL(pp_unpercent(&back, pp_buf_bytes(&b)), PP_OK);
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&back), "a@x/..%41 \x80"));
    back.len = 0;
    CU_ASSERT_EQUAL(pp_unpercent(&back, pp_str("%4")), PP_MALFORMED);
    CU_ASSERT_EQUAL(pp_unpercent(&back, pp_str("%zz")), PP_MALFORMED);
    pp_buf_free(&b);
    pp_buf_free(&back);
}

CHECK_MAIN("encode", CHECK(test_rfc4648_vectors), CHECK(test_hostile_base64_is_refused),
           CHECK(test_percent_decodes_once))
