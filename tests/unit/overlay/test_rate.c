/* Buckets, source prefixes, CIDRs. */
#include <check.h>
#include <overlay/rate.h>

static void test_bucket_refills(void)
{
    struct pp_bucket b = {0};
    int taken = 0;
    while (pp_bucket_take(&b, PP_SECOND, 10, 20)) {
        taken++;
    }
    CU_ASSERT_EQUAL(taken, 20);
    CU_ASSERT_FALSE(pp_bucket_take(&b, PP_SECOND + 50 * PP_MS, 10, 20));
    CU_ASSERT_TRUE(pp_bucket_take(&b, PP_SECOND + 110 * PP_MS, 10, 20));
    for (taken = 0; pp_bucket_take(&b, PP_HOUR, 10, 20); taken++) {
    }
    CU_ASSERT_EQUAL(taken, 20);
}

static void test_sources_of_one_prefix_share(void)
{
    static const uint8_t secret[16] = {1, 2, 3};
    struct pp_rates rates;
    CHECK_FATAL(pp_rates_init(&rates, secret) == PP_OK);
    uint8_t a[16], b[16];
    pp_address_parse(a, "2001:db8::1");
    pp_address_parse(b, "2001:db8::ffff:2");
    CU_ASSERT_TRUE(pp_rates_take(&rates, a, 1, 1, 1));
    CU_ASSERT_FALSE(pp_rates_take(&rates, b, 1, 1, 1)); /* the same /64 */
    pp_address_parse(a, "192.0.2.1");
    pp_address_parse(b, "192.0.2.2");
    CU_ASSERT_TRUE(pp_rates_take(&rates, a, 1, 1, 1));
    CU_ASSERT_TRUE(pp_rates_take(&rates, b, 1, 1, 1));
    pp_rates_finish(&rates);
}

static bool holds(const char *cidr, const char *address)
{
    struct pp_cidr c;
    uint8_t a[16];
    CHECK_FATAL(pp_cidr_parse(&c, cidr) == PP_OK && pp_address_parse(a, address) == PP_OK);
    return pp_cidr_holds(&c, a);
}

static void test_cidrs(void)
{
    CU_ASSERT_TRUE(holds("127.0.0.0/8", "127.3.2.1"));
    CU_ASSERT_FALSE(holds("127.0.0.0/8", "128.3.2.1"));
    CU_ASSERT_TRUE(holds("10.1.2.128/25", "10.1.2.200"));
    CU_ASSERT_FALSE(holds("10.1.2.128/25", "10.1.2.100"));
    CU_ASSERT_TRUE(holds("10.1.2.3", "10.1.2.3"));
    CU_ASSERT_FALSE(holds("10.1.2.3", "10.1.2.4"));
    CU_ASSERT_TRUE(holds("0.0.0.0/0", "1.2.3.4"));
    CU_ASSERT_FALSE(holds("0.0.0.0/0", "::1"));
    CU_ASSERT_TRUE(holds("2001:db8::/32", "2001:db8:1::1"));
    const char *const bad[] = {"x", "1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/-1", "1.2.3.4/8x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pp_cidr c;
        CU_ASSERT_EQUAL(pp_cidr_parse(&c, bad[i]), PP_MALFORMED);
    }
}

CHECK_MAIN("rate", CHECK(test_bucket_refills), CHECK(test_sources_of_one_prefix_share),
           CHECK(test_cidrs))
