/* Ring arithmetic and addresses. */
#include <check.h>
#include <peerpost/error.h>
#include <peerpost/id.h>

static void test_arithmetic_wraps(void)
{
    struct pp_id zero = {{0}}, one = pp_id_power(0), top = pp_id_sub(&zero, &one);
    for (int i = 0; i < PP_ID_LEN; i++) {
        CU_ASSERT_EQUAL(top.b[i], 0xff);
    }
    struct pp_id back = pp_id_add(&top, &one);
    CU_ASSERT_TRUE(pp_id_is_zero(&back));
    CU_ASSERT_EQUAL(pp_id_shared_bits(&zero, &one), 159);
    struct pp_id half = pp_id_power(159);
    CU_ASSERT_EQUAL(pp_id_shared_bits(&zero, &half), 0);
    CU_ASSERT_EQUAL(pp_id_shared_bits(&half, &half), 160);
}

static void test_interval_is_half_open_and_wraps(void)
{
    struct pp_id a = pp_id_power(10), b = pp_id_power(20), c = pp_id_power(30);
    CU_ASSERT_TRUE(pp_id_in(&b, &a, &c));
    CU_ASSERT_TRUE(pp_id_in(&c, &a, &c));
    CU_ASSERT_FALSE(pp_id_in(&a, &a, &c));
    CU_ASSERT_FALSE(pp_id_in(&b, &c, &a));
    CU_ASSERT_TRUE(pp_id_in(&a, &c, &b));
    CU_ASSERT_TRUE(pp_id_in(&a, &b, &b));
}

static void test_address_text_round_trip(void)
{
    const char *const texts[] = {"127.1.0.9", "::1", "2001:db8::5"};
    for (size_t i = 0; i < 3; i++) {
        uint8_t address[16];
        char text[46];
        CU_ASSERT_EQUAL(pp_address_parse(address, texts[i]), PP_OK);
        pp_address_text(text, address);
        CU_ASSERT_STRING_EQUAL(text, texts[i]);
    }
    uint8_t address[16];
    CU_ASSERT_EQUAL(pp_address_parse(address, "1.2.3"), PP_MALFORMED);
}

CHECK_MAIN("id", CHECK(test_arithmetic_wraps), CHECK(test_interval_is_half_open_and_wraps),
           CHECK(test_address_text_round_trip))
