/*
 * The routing failure test against its published figures: one right answer in a hundred is doubted;
 * of answers by 20 % colluders alone 24 % pass for k = 3, 9 % for 5, 0.5 % for 10, none for 20.
 * Answers are drawn from a space of uniform ids, where gaps are exponential.
 */
#include <check.h>
#include <overlay/density.h>

#include <math.h>
#include <stdio.h>

static uint64_t state;

/* Uniform in (0, 1]. */
static double uniform(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(state >> 11) + 1) / 9007199254740993.0;
}

/* Spacing of the k nearest of nodes whose mean gap is this. */
static uint64_t answer(unsigned k, double gap)
{
    double sum = 0;
    for (unsigned i = 0; i < k; i++) {
        sum -= log(uniform());
    }
    return (uint64_t)(gap * sum / k);
}

#define GAP 1e15
#define ROUNDS 20000

static double doubted(struct pp_density *density, unsigned k, double gap)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        n += pp_density_doubts(density, k, answer(k, gap));
        pp_density_note(density, k, answer(k, GAP)); /* so that no one estimate decides */
    }
    return (double)n / ROUNDS;
}

static void test_published_figures(void)
{
    static const struct {
        unsigned k;
        double passes;
    } rows[] = {{3, 0.24}, {5, 0.09}, {10, 0.005}, {20, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pp_density density = {.n = 0};
        unsigned k = rows[i].k;
        state = k;
        for (unsigned n = 0; n < PP_DENSITY_GAPS; n++) {
            pp_density_note(&density, k, answer(k, GAP));
        }
        double alarms = doubted(&density, k, GAP), passes = 1 - doubted(&density, k, 5 * GAP);
        printf("  k %u: %.2f %% false alarms, %.2f %% of the colluders' answers pass\n", k,
               100 * alarms, 100 * passes);
        CU_ASSERT_TRUE(alarms > 0.005 && alarms < 0.02); /* the gap is an estimate */
        CU_ASSERT_DOUBLE_EQUAL(passes, rows[i].passes, 0.015);
    }
}

static void test_the_gap_is_that_of_most(void)
{
    struct pp_density density = {.n = 0};
    state = 7;
    for (unsigned n = 0; n + 1 < PP_DENSITY_MIN; n++) {
        pp_density_note(&density, 5, answer(5, GAP));
    }
    CU_ASSERT_EQUAL(pp_density_gap(&density), 0);
    CU_ASSERT_FALSE(pp_density_doubts(&density, 5, UINT64_MAX)); /* nothing to compare with */
    for (unsigned n = 0; n < 10 * PP_DENSITY_GAPS; n++) {
        pp_density_note(&density, n % 2 ? 5 : 10, answer(5, n % 8 ? GAP : 5 * GAP));
    }
    double gap = (double)pp_density_gap(&density);
    CU_ASSERT_TRUE(gap > 0.8 * GAP && gap < 1.4 * GAP); /* an eighth were lies */
}

static void test_what_says_nothing(void)
{
    struct pp_density density = {.n = 0};
    for (unsigned n = 0; n < PP_DENSITY_GAPS; n++) {
        pp_density_note(&density, 2, 1000); /* too few ids */
        pp_density_note(&density, 5, 0);    /* a substrate that knows no spacing */
    }
    CU_ASSERT_EQUAL(density.n, 0);
    for (unsigned n = 0; n < PP_DENSITY_GAPS; n++) {
        pp_density_note(&density, 5, UINT64_MAX);
    }
    CU_ASSERT_FALSE(pp_density_doubts(&density, 2, UINT64_MAX));
    CU_ASSERT_FALSE(pp_density_doubts(&density, 5, 0));
    CU_ASSERT_DOUBLE_EQUAL(pp_density_gamma(0), pp_density_gamma(1), 0);
    CU_ASSERT_DOUBLE_EQUAL(pp_density_gamma(99), pp_density_gamma(32), 0);
}

CHECK_MAIN("density", CHECK(test_published_figures), CHECK(test_the_gap_is_that_of_most),
           CHECK(test_what_says_nothing))
