/* Subject alternative names, written and read back. */
#include <check.h>
#include <openssl/x509v3.h>
#include <trust/names.h>

static void free_all(struct pp_buf address[PP_ADDRESSES_MAX])
{
    for (size_t i = 0; i < PP_ADDRESSES_MAX; i++) {
        pp_buf_free(&address[i]);
    }
}

static void test_addresses_round_trip(void)
{
    static const char *const in[] = {"Bob@X", "pel\xc3\xa9@x",
                                     "\"a b\"@b\xc3\xbc"
                                     "cher.x"};
    struct pp_buf out[PP_ADDRESSES_MAX] = {{0}};
    size_t n = 0;
    GENERAL_NAMES *names = pp_names_of_addresses(in, 3, NULL);
    CHECK_FATAL(names != NULL);
    CU_ASSERT_EQUAL(sk_GENERAL_NAME_value(names, 0)->type, GEN_EMAIL);
    CU_ASSERT_EQUAL(sk_GENERAL_NAME_value(names, 1)->type, GEN_OTHERNAME);
    CU_ASSERT_EQUAL(sk_GENERAL_NAME_value(names, 2)->type, GEN_EMAIL);
    CU_ASSERT_EQUAL(pp_names_addresses(names, out, &n), PP_OK);
    CU_ASSERT_EQUAL(n, 3);
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&out[0]), "bob@x"));
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&out[1]), "pel\xc3\xa9@x"));
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&out[2]), "\"a b\"@xn--bcher-kva.x"));
    free_all(out);
    GENERAL_NAMES_free(names);
}

static void test_refused(void)
{
    static const char *const nine[] = {"a@x", "b@x", "c@x", "d@x", "e@x",
                                       "f@x", "g@x", "h@x", "i@x"};
    static const char *const bad[] = {"a@x", "bob"};
    struct pp_error error;
    struct pp_buf out[PP_ADDRESSES_MAX] = {{0}};
    size_t n = 0;
    CU_ASSERT_PTR_NULL(pp_names_of_addresses(nine, 9, &error));
    CU_ASSERT_PTR_NULL(pp_names_of_addresses(nine, 0, &error));
    CU_ASSERT_PTR_NULL(pp_names_of_addresses(bad, 2, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "'bob'"));
    GENERAL_NAMES *names = pp_names_of_addresses(nine, 8, NULL);
    CHECK_FATAL(names != NULL);
    CU_ASSERT_EQUAL(pp_names_addresses(names, out, &n), PP_OK);
    free_all(out);
    sk_GENERAL_NAME_push(names, pp_name_text(GEN_EMAIL, pp_str("i@x")));
    CU_ASSERT_EQUAL(pp_names_addresses(names, out, &n), PP_MALFORMED);
    GENERAL_NAMES_free(names);
    names = pp_names_of_addresses(nine, 1, NULL);
    sk_GENERAL_NAME_push(names, pp_name_text(GEN_DNS, pp_str("x")));
    CU_ASSERT_EQUAL(pp_names_addresses(names, out, &n), PP_MALFORMED);
    free_all(out);
    GENERAL_NAMES_free(names);
    names = GENERAL_NAMES_new(); /* a NUL inside must not cut the name short */
    sk_GENERAL_NAME_push(names, pp_name_text(GEN_EMAIL, pp_bytes("a@x\0.y", 6)));
    CU_ASSERT_EQUAL(pp_names_addresses(names, out, &n), PP_MALFORMED);
    free_all(out);
    GENERAL_NAMES_free(names);
}

static void test_node_name(void)
{
    struct pp_id id = {{0xab, 1}}, other = {{0xab, 2}};
    GENERAL_NAMES *names = pp_names_of_node(&id);
    CU_ASSERT_TRUE(pp_names_are_node(names, &id));
    CU_ASSERT_FALSE(pp_names_are_node(names, &other));
    sk_GENERAL_NAME_push(names, pp_name_text(GEN_DNS, pp_str("x")));
    CU_ASSERT_FALSE(pp_names_are_node(names, &id));
    GENERAL_NAMES_free(names);
}

CHECK_MAIN("names", CHECK(test_addresses_round_trip), CHECK(test_refused), CHECK(test_node_name))
