/* PKCS#11 URIs: what they name, what is refused and how it is said. */
#include <check.h>

#include <session/token.h>
#include <session/token_uri.h>

static void test_whole(void)
{
    struct token_uri u;
    CHECK_FATAL(token_uri_read(&u,
                               "pkcs11:token=My%20card;serial=00ab;manufacturer=x;model=y;"
                               "object=mail%3b1;id=%01%aB%fF;type=private?module-path=/lib/m.so",
                               NULL) == PP_OK);
    CU_ASSERT(pp_bytes_is(pp_buf_bytes(&u.token), "My card"));
    CU_ASSERT(pp_bytes_is(pp_buf_bytes(&u.serial), "00ab"));
    CU_ASSERT(pp_bytes_is(pp_buf_bytes(&u.manufacturer), "x"));
    CU_ASSERT(pp_bytes_is(pp_buf_bytes(&u.model), "y"));
    CU_ASSERT(pp_bytes_is(pp_buf_bytes(&u.object), "mail;1"));
    CU_ASSERT(pp_bytes_equal(pp_buf_bytes(&u.id), pp_bytes("\x01\xab\xff", 3)));
    CU_ASSERT(pp_bytes_is(pp_buf_bytes(&u.module), "/lib/m.so"));
    token_uri_finish(&u);
}

static void test_least(void)
{
    struct token_uri u;
    CHECK_FATAL(token_uri_read(&u, "pkcs11:object=mail\n", NULL) == PP_OK);
    CU_ASSERT(pp_bytes_is(pp_buf_bytes(&u.object), "mail") && !u.token.len && !u.id.len);
    token_uri_finish(&u);
    CU_ASSERT_FALSE(token_is_uri("user.key.pem"));
    CU_ASSERT_FALSE(token_is_uri("/pkcs11:x"));
    CU_ASSERT_TRUE(token_is_uri("pkcs11:"));
}

static void test_refused(void)
{
    static const struct {
        const char *uri, *words;
    } cases[] = {
        {"pkcs11:token=a", "names no key"},
        {"pkcs11:", "names no key"},
        {"pkcs11:object=a;pin-value=1234", "give the PIN by PEERPOST_PIN"},
        {"pkcs11:object=a?pin-source=/x", "give the PIN by PEERPOST_PIN"},
        {"pkcs11:object=a;object=b", "object stands twice"},
        {"pkcs11:id=%1", "no percent-encoded text"},
        {"pkcs11:id=%", "no percent-encoded text"},
        {"pkcs11:id=%zz", "no percent-encoded text"},
        {"pkcs11:object=a;type=cert", "nothing but private"},
        {"pkcs11:object=a;type", "nothing but private"},
        {"pkcs11:object=a;slot-id=7", "slot-id is not understood"},
        {"pkcs11:object", "object is not understood"},
        {"file:x", "no PKCS#11 URI"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct token_uri u;
        struct pp_error error = {0};
        CU_ASSERT_EQUAL(token_uri_read(&u, cases[i].uri, &error), PP_CONFIG);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, cases[i].words));
    }
}

CHECK_MAIN("token_uri", CHECK(test_whole), CHECK(test_least), CHECK(test_refused))
