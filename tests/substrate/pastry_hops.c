/*
 * Pastry's hops against the published ones: Rowstron and Druschel 2001, section 3.1 (b 4, l 16),
 * whose figure for 10^5 nodes is .0006 .0156 .1643 .6449 .1745 for 1 to 5 hops and none beyond
 * ceil(log16 N); the exact values for these tables are 2.46 in the mean at 10^3, 3.21 at 10^4, 3.96
 * at 10^5. And digits of other sizes, in which every look-up must be as exact.
 */
#include "ring.h"

#include <math.h>
#include <stdio.h>

#define HOPS_MAX 12

struct tally {
    size_t of[HOPS_MAX + 1], n, failed;
    double sum;
};

static void found(void *ctx, const struct pp_result *r)
{
    struct tally *t = ctx;
    if (r->code != PP_OK) {
        t->failed++;
        return;
    }
    t->of[r->hops < HOPS_MAX ? r->hops : HOPS_MAX]++;
    t->sum += r->hops;
    t->n++;
}

static double measure(const char *setting, size_t n, size_t lookups, struct tally *t)
{
    const char *const settings[] = {setting, NULL};
    struct pp_world *w = ring_arranged(9, n, settings);
    *t = (struct tally){0};
    for (size_t i = 0; i < lookups; i++) {
        struct pp_id key;
        pp_prng_fill(pp_world_prng(w), key.b, sizeof key.b);
        pp_world_lookup(w, pp_prng_below(pp_world_prng(w), n), &key, 1, 1, found, t);
        if (i % 100 == 99) {
            pp_world_run(w, 50 * PP_MS);
        }
    }
    pp_world_run(w, 10 * PP_SECOND);
    printf("  %zu nodes, %s: mean %.3f;", n, setting, t->sum / (double)t->n);
    for (size_t h = 0; h <= HOPS_MAX; h++) {
        printf(" %.4f", (double)t->of[h] / (double)t->n);
    }
    printf("\n");
    CU_ASSERT_EQUAL(t->n, lookups);
    ring_end(w);
    return t->sum / (double)t->n;
}

static void test_the_published_mean(void)
{
    struct tally t;
    double mean = measure("leaves=16", 1000, 10000, &t);
    CU_ASSERT_TRUE(fabs(mean - 2.46) <= 0.05 * 2.46);
    mean = measure("leaves=16", 10000, 10000, &t);
    CU_ASSERT_TRUE(fabs(mean - 3.21) <= 0.05 * 3.21);
    for (size_t h = 5; h <= HOPS_MAX; h++) {
        CU_ASSERT_EQUAL(t.of[h], 0); /* ceil(log16 10^4) is 4 */
    }
    CU_ASSERT_TRUE(measure("leaves=32", 10000, 10000, &t) <= log(10000) / log(16) + 0.1);
}

static void test_the_published_figure(void)
{
    static const double published[] = {0, .0006, .0156, .1643, .6449, .1745};
    struct tally t;
    if (!getenv("PEERPOST_DEEP")) {
        return; /* 10^5 nodes take a minute and a gibibyte */
    }
    double mean = measure("leaves=16", 100000, 20000, &t);
    CU_ASSERT_TRUE(fabs(mean - 3.96) <= 0.05 * 3.96);
    for (size_t h = 0; h < 6; h++) {
        CU_ASSERT_TRUE(fabs((double)t.of[h] / (double)t.n - published[h]) <= 0.05);
    }
}

static void test_other_digits(void)
{
    static const char *const digits[] = {"bits=1", "bits=2", "bits=8"};
    for (size_t i = 0; i < sizeof digits / sizeof *digits; i++) {
        const char *const settings[] = {digits[i], "leaves=8", NULL};
        struct pp_world *w = ring_world(7, settings);
        ring_join(w, 150, PP_SECOND / 5);
        CU_ASSERT_TRUE(ring_heals(w, 10 * PP_MINUTE, digits[i]));
        CU_ASSERT_TRUE(ring_exact(w, 200, digits[i]));
        CU_ASSERT_EQUAL(pp_world_false_no(w, 100, 5), 0);
        ring_end(w);
    }
}

CHECK_MAIN("pastry hops", CHECK(test_the_published_mean), CHECK(test_the_published_figure),
           CHECK(test_other_digits))
