/*
 * What a network must do: at rest every look-up returns exactly the oracle's k, for k of
 * 1, 5, 16 and 32; a minute after a quarter of it died at once again, five minutes after half of it
 * died. And none of the k closest ever says that it is not. PEERPOST_DEEP in the environment:
 * 1,000 nodes instead of 400, 100,000 look-ups for each k at rest, 5,000 after the deaths, several
 * seeds.
 */
#include "ring.h"

#include <stdio.h>

static bool deep(void)
{
    return getenv("PEERPOST_DEEP") != NULL;
}

static size_t many(void)
{
    return deep() ? 1000 : 400;
}

static void test_at_rest(void)
{
    struct pp_world *w = ring_arranged(61, many() / 2, NULL);
    ring_join(w, many() / 2, 200 * PP_MS);
    CU_ASSERT_TRUE(ring_heals(w, 10 * PP_MINUTE, "at rest"));
    CU_ASSERT_TRUE(ring_exact(w, deep() ? 100000 : 500, "at rest"));
    CU_ASSERT_EQUAL(pp_world_false_no(w, deep() ? 10000 : 200, 5), 0);
    CU_ASSERT_EQUAL(pp_world_false_no(w, deep() ? 10000 : 200, 32), 0);
    ring_end(w);
}

/* The first answers after the deaths are printed only: nobody has noticed them yet. */
static void some_die(uint64_t seed, unsigned thousandths, pp_ns time, const char *what)
{
    struct pp_world *w = ring_arranged(seed, many(), NULL);
    struct pp_world_verdict v;
    pp_world_run(w, 6 * PP_MINUTE);
    ring_kill(w, thousandths);
    pp_ns end = pp_world_now(w) + time;
    pp_world_verify(w, 200, 5, &v);
    printf("  %s, at once: %zu of %zu exact\n", what, v.exact, v.asked);
    while (pp_world_now(w) < end) {
        pp_world_run(w, PP_SECOND);
        ring_help(w);
    }
    CU_ASSERT_TRUE(ring_exact(w, deep() ? 5000 : 200, what));
    CU_ASSERT_EQUAL(pp_world_false_no(w, deep() ? 2000 : 200, 5), 0);
    ring_end(w);
}

static void test_a_quarter_dies(void)
{
    for (uint64_t seed = 62; seed < (deep() ? 67 : 63); seed++) {
        some_die(seed, 250, 60 * PP_SECOND, "a minute after a quarter died");
    }
}

static void test_half_die(void)
{
    for (uint64_t seed = 72; seed < (deep() ? 77 : 73); seed++) {
        some_die(seed, 500, 300 * PP_SECOND, "five minutes after half died");
    }
}

CHECK_MAIN("deaths", CHECK(test_at_rest), CHECK(test_a_quarter_dies), CHECK(test_half_die))
