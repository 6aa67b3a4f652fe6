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

/* Octet by octet, as one would on paper: what the arithmetic on words must agree with. */
static struct pp_id on_paper(const struct pp_id *a, const struct pp_id *b, int sign)
{
    struct pp_id out;
    int carry = 0;
    for (int i = PP_ID_LEN; i-- > 0;) {
        int digit = a->b[i] + sign * b->b[i] + carry;
        out.b[i] = (uint8_t)digit;
        carry = digit < 0 ? -1 : digit >> 8;
    }
    return out;
}

/* Ids of 00, 01, 7f, 80, ff and little else: every carry and borrow across words comes up. */
static struct pp_id edgy(unsigned *state)
{
    static const uint8_t octets[] = {0, 0, 0xff, 0xff, 1, 0x7f, 0x80, 0xfe};
    struct pp_id id;
    uint8_t octet = 0;
    for (int i = 0; i < PP_ID_LEN; i++) {
        *state = *state * 1103515245u + 12345u;
        octet = (*state >> 16) % 3 ? octet : octets[(*state >> 20) % 8];
        id.b[i] = octet;
    }
    return id;
}

static void test_words_agree_with_octets(void)
{
    unsigned state = 1, wrong = 0;
    for (int i = 0; i < 100000; i++) {
        struct pp_id a = edgy(&state), b = edgy(&state), zero = {{0}};
        struct pp_id sum = pp_id_add(&a, &b), difference = pp_id_sub(&a, &b);
        struct pp_id paper_sum = on_paper(&a, &b, 1), paper_difference = on_paper(&a, &b, -1);
        wrong += memcmp(sum.b, paper_sum.b, PP_ID_LEN) != 0;
        wrong += memcmp(difference.b, paper_difference.b, PP_ID_LEN) != 0;
        int c = memcmp(a.b, b.b, PP_ID_LEN), mine = pp_id_compare(&a, &b);
        wrong += (c < 0) != (mine < 0) || (c > 0) != (mine > 0);
        wrong += pp_id_is_zero(&difference) != (c == 0);
        struct pp_id x = pp_id_xor(&a, &b);
        unsigned shared = pp_id_shared_bits(&a, &b);
        wrong += shared != pp_id_shared_bits(&x, &zero);
        wrong += shared < 160 && !(x.b[shared / 8] & (0x80u >> (shared % 8)));
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

CHECK_MAIN("id", CHECK(test_arithmetic_wraps), CHECK(test_interval_is_half_open_and_wraps),
           CHECK(test_address_text_round_trip), CHECK(test_words_agree_with_octets))
