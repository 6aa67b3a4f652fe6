/* A little DER: lengths of every size, and what a hostile encoder might try. */
#include <check.h>
#include <peerpost/error.h>
#include <seal/der.h>

static void test_lengths(void)
{
    static const uint64_t lengths[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 1u << 24, 75497472};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct pp_buf b = {0};
        uint64_t n = lengths[i];
        pp_der_head(&b, 0x30, n);
        CU_ASSERT_EQUAL(b.len, pp_der_head_len(n));
        CU_ASSERT_EQUAL(pp_der_whole_len(n), n + b.len);
        struct pp_der d = {pp_buf_bytes(&b), 0, n + b.len, false};
        CU_ASSERT_EQUAL(pp_der_enter(&d, 0x30, true), n + b.len);
        CU_ASSERT_FALSE(d.failed);
        CU_ASSERT_EQUAL(d.at, b.len);
        struct pp_der more = {pp_buf_bytes(&b), 0, n + b.len + 1, false};
        pp_der_enter(&more, 0x30, true); /* not the last */
        CU_ASSERT_TRUE(more.failed);
        struct pp_der fewer = {pp_buf_bytes(&b), 0, n + b.len - 1, false};
        pp_der_enter(&fewer, 0x30, false); /* runs over */
        CU_ASSERT_TRUE(fewer.failed);
        pp_buf_free(&b);
    }
}

static void test_not_minimal(void)
{
    static const struct {
        const char *octets;
        size_t len;
    } bad[] = {{"\x30\x80", 2},  {"\x30\x81\x01x", 4}, {"\x30\x82\x00\x80", 4},
               {"\x30\x81", 2},  {"\x30", 1},          {"", 0},
               {"\x31\x01x", 3}, {"\x30\xff", 2},      {"\x30\x88\1\1\1\1\1\1\1\1", 10}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pp_der d = {pp_bytes(bad[i].octets, bad[i].len), 0, 1u << 30, false};
        pp_der_enter(&d, 0x30, false);
        CU_ASSERT_TRUE(d.failed);
    }
}

static void test_values(void)
{
    struct pp_der d = {pp_bytes("\x04\x02hi\x04\x01", 6), 0, 6, false};
    CU_ASSERT_TRUE(pp_bytes_is(pp_der_value(&d, 0x04), "hi"));
    CU_ASSERT_EQUAL(pp_der_value(&d, 0x04).len, 0); /* its octet is missing */
    CU_ASSERT_TRUE(d.failed);
    struct pp_der e = {pp_bytes("abc", 3), 0, 3, false};
    pp_der_expect(&e, pp_bytes("ab", 2));
    CU_ASSERT_FALSE(e.failed);
    pp_der_expect(&e, pp_bytes("cd", 2));
    CU_ASSERT_TRUE(e.failed);
}

CHECK_MAIN("der", CHECK(test_lengths), CHECK(test_not_minimal), CHECK(test_values))
