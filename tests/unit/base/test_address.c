/* The normal form of addresses: what is one address, what is none, and that it is a fixed point. */
#include <base/address.h>
#include <check.h>
#include <peerpost/error.h>

static void check_normal(const char *in, const char *want)
{
    struct pp_buf out = {0};
    CU_ASSERT_EQUAL(pp_address_normal(&out, pp_str(in)), PP_OK);
    if (out.len == 0 || strcmp((char *)out.data, want) != 0) {
        fprintf(stderr, "%s -> %s, not %s\n", in, out.data ? (char *)out.data : "", want);
        CU_FAIL("another normal form");
    }
    CU_ASSERT_TRUE(pp_address_is_normal(pp_buf_bytes(&out)));
    CU_ASSERT_EQUAL(pp_address_is_normal(pp_str(in)), strcmp(in, want) == 0);
    pp_buf_free(&out);
}

static void test_ascii(void)
{
    check_normal("alice@example.org", "alice@example.org");
    check_normal("Alice.B+Tag@EXAMPLE.Org", "alice.b+tag@example.org");
    check_normal("a@x", "a@x");
    check_normal("\"alice\"@x", "alice@x");
    check_normal("\"al\\ice\"@x", "alice@x");
    check_normal("\"A B\"@x", "\"a b\"@x");
    check_normal("\"a@b\"@x", "\"a@b\"@x");
    check_normal("\"a\\\"\\\\.\"@x", "\"a\\\"\\\\.\"@x");
    check_normal("\"a..b\"@x", "\"a..b\"@x");
    check_normal("\"\"@x", "\"\"@x");
}

static void test_unicode(void)
{
    check_normal("pel\xc3\xa9@b\xc3\xbc"
                 "cher.example",
                 "pel\xc3\xa9@xn--bcher-kva.example");
    check_normal("pele\xcc\x81@B\xc3\x9c"
                 "CHER.example",
                 "pel\xc3\xa9@xn--bcher-kva.example");
    check_normal("a@XN--bcher-KVA.example", "a@xn--bcher-kva.example");
    check_normal("a@fa\xc3\x9f.de", "a@xn--fa-hia.de"); /* not transitional "fass.de" */
    check_normal("\xe2\x84\xaa@x", "k@x");              /* KELVIN SIGN */
    check_normal("H\xcc\xb1@x", "\xe1\xba\x96@x");      /* composes only in lower case */
    check_normal("\xce\x91@x", "\xce\x91@x");           /* ASCII letters alone are lowered */
    check_normal("a\xcd\xbe@x", "\"a;\"@x");            /* GREEK QUESTION MARK is ';' in NFC */
}

static void test_what_is_no_address(void)
{
    static const char *const bad[] = {
        "",
        "@",
        "a",
        "a@",
        "@x",
        "a@b@c",
        ".a@x",
        "a.@x",
        "a..b@x",
        "a b@x",
        "a@x.",
        "a@.x",
        "a@x..y",
        "a@-x",
        "a@x-",
        "a@[127.0.0.1]",
        "a@x_y",
        "a@x y",
        "\"a@x",
        "\"a\"b@x",
        "\"a\x01\"@x",
        "a\x7f@x",
        "\xff@x",
        "a@\xff",
        "a\xc2\x80@x",
        "a\xe2\x80\xae"
        "b@x",
        "a\xe2\x80\x83@x",
        "a@xn--zzzzzzzz-.x",
        "a@ab--c.x",
        "<a@x>",
        "a@x>",
        "\"a\\\"@x",
        "a@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pp_buf out = {0};
        pp_buf_add_str(&out, "kept");
        int code = pp_address_normal(&out, pp_str(bad[i]));
        if (code != PP_MALFORMED) {
            fprintf(stderr, "%s gave %s\n", bad[i], (char *)out.data);
        }
        CU_ASSERT_EQUAL(code, PP_MALFORMED);
        CU_ASSERT_STRING_EQUAL((char *)out.data, "kept");
        CU_ASSERT_FALSE(pp_address_is_normal(pp_str(bad[i])));
        pp_buf_free(&out);
    }
    CU_ASSERT_FALSE(pp_address_is_normal(pp_bytes("a\0@x", 4)));
}

static void test_length(void)
{
    char text[400];
    for (size_t n = 240; n < 270; n++) {
        memset(text, 'a', n);
        memcpy(text + n, "@example.x", sizeof "@example.x");
        CU_ASSERT_EQUAL(pp_address_is_normal(pp_str(text)), n + 10 <= PP_ADDRESS_MAX);
    }
}

/* Whatever is accepted is a fixed point: else two programs would hash two names for one inbox. */
static void test_fixed_point(void)
{
    static const char *const parts[] = {"a",
                                        "Z",
                                        "\"",
                                        "\\",
                                        "@",
                                        ".",
                                        "x",
                                        "\xc3\xa9",
                                        "\xcc\x81",
                                        "\xcc\xb1",
                                        "H",
                                        "e",
                                        " ",
                                        "xn--",
                                        "\xc3\x9f",
                                        "\xe2\x84\xaa",
                                        "-",
                                        "\xe3\x80\x82",
                                        "\xef\xbc\xa0",
                                        "1"};
    uint32_t seed = 1;
    unsigned accepted = 0;
    for (int i = 0; i < 200000; i++) {
        struct pp_buf in = {0}, once = {0}, twice = {0};
        for (int j = 0; j < 7; j++) {
            seed = seed * 1664525 + 1013904223;
            pp_buf_add_str(&in, j == 3 && seed & 0x800000 ? "@" : parts[(seed >> 24) % 20]);
        }
        if (pp_address_normal(&once, pp_buf_bytes(&in)) == PP_OK) {
            accepted++;
            int code = pp_address_normal(&twice, pp_buf_bytes(&once));
            if (code || !pp_bytes_equal(pp_buf_bytes(&once), pp_buf_bytes(&twice))) {
                fprintf(stderr, "%s -> %s -> %s\n", in.data, once.data,
                        twice.data ? (char *)twice.data : "");
                CU_FAIL("not a fixed point");
            }
        }
        pp_buf_free(&in);
        pp_buf_free(&once);
        pp_buf_free(&twice);
    }
    CU_ASSERT_TRUE(accepted > 1000);
}

CHECK_MAIN("address", CHECK(test_ascii), CHECK(test_unicode), CHECK(test_what_is_no_address),
           CHECK(test_length), CHECK(test_fixed_point))
