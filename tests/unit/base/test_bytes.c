/* Buffers, readers and hexadecimal. */
#include <check.h>
#include <peerpost/bytes.h>
#include <peerpost/error.h>

static void test_buffer_grows_and_stays_terminated(void)
{
    struct pp_buf b = {0};
    for (int i = 0; i < 1000; i++) {
        CU_ASSERT_EQUAL(pp_buf_printf(&b, "%d,", i), PP_OK);
    }
    CU_ASSERT_EQUAL(strlen((char *)b.data), b.len);
    pp_buf_consume(&b, 2);
    CU_ASSERT_EQUAL(memcmp(b.data, "1,2,", 4), 0);
    pp_buf_free(&b);
}

static void test_reader_fails_past_the_end(void)
{
    struct pp_reader r = pp_reader(pp_bytes("\1\2\3", 3));
    CU_ASSERT_EQUAL(pp_read16(&r), 0x0102);
    CU_ASSERT_EQUAL(pp_read16(&r), 0);
    CU_ASSERT_TRUE(r.failed);
    CU_ASSERT_EQUAL(pp_read8(&r), 0);
    struct pp_reader none = pp_reader(pp_bytes(NULL, 0));
    CU_ASSERT_PTR_NULL(pp_read(&none, 1));
}

static void test_hex_round_trip(void)
{
    uint8_t in[20], out[20];
    char text[41];
    for (int i = 0; i < 20; i++) {
        in[i] = (uint8_t)(i * 13);
    }
    pp_hex(text, in, 20);
    CU_ASSERT_EQUAL(pp_unhex(out, 20, pp_str(text)), PP_OK);
    CU_ASSERT_EQUAL(memcmp(in, out, 20), 0);
    CU_ASSERT_EQUAL(pp_unhex(out, 20, pp_str("0g")), PP_MALFORMED);
    CU_ASSERT_EQUAL(pp_unhex(out, 1, pp_str("0g")), PP_MALFORMED);
}

CHECK_MAIN("bytes", CHECK(test_buffer_grows_and_stays_terminated),
           CHECK(test_reader_fails_past_the_end), CHECK(test_hex_round_trip))
