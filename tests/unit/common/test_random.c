/* SipHash against its authors' vectors; the generator's bounds. */
#include <check.h>
#include <common/random.h>

static void test_siphash_vectors(void)
{
    uint8_t key[16], input[15];
    for (uint8_t i = 0; i < 16; i++) {
        key[i] = i;
    }
    for (uint8_t i = 0; i < 15; i++) {
        input[i] = i;
    }
    CU_ASSERT_EQUAL(pp_siphash(key, input, 0), 0x726fdb47dd0e0e31u);
    CU_ASSERT_EQUAL(pp_siphash(key, input, 8), 0x93f5f5799a932462u);
    CU_ASSERT_EQUAL(pp_siphash(key, input, 15), 0xa129ca6149be45e5u);
}

static void test_seed_decides_the_run(void)
{
    static const uint8_t one[16] = {1}, two[16] = {2};
    struct pp_random a, b, c;
    pp_random_init(&a, one);
    pp_random_init(&b, one);
    pp_random_init(&c, two);
    uint64_t first = pp_random_next(&a);
    CU_ASSERT_EQUAL(first, pp_random_next(&b));
    CU_ASSERT_NOT_EQUAL(first, pp_random_next(&c));
    CU_ASSERT_NOT_EQUAL(first, pp_random_next(&a));
}

static void test_below_and_jitter_keep_bounds(void)
{
    static const uint8_t seed[16] = {3};
    struct pp_random r;
    unsigned hit[7] = {0};
    pp_random_init(&r, seed);
    for (int i = 0; i < 7000; i++) {
        uint64_t v = pp_random_below(&r, 7);
        CHECK_FATAL(v < 7);
        hit[v]++;
        pp_ns t = pp_random_jitter(&r, 100 * PP_SECOND);
        CU_ASSERT_TRUE(t >= 75 * PP_SECOND && t <= 125 * PP_SECOND);
    }
    for (int i = 0; i < 7; i++) {
        CU_ASSERT_TRUE(hit[i] > 850 && hit[i] < 1150);
    }
}

CHECK_MAIN("random", CHECK(test_siphash_vectors), CHECK(test_seed_decides_the_run),
           CHECK(test_below_and_jitter_keep_bounds))
