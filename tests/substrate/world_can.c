/*
 * What CAN alone promises: the path lengths of Ratnasamy et al. 2001 (figure 4, random zones, bare
 * referrals), exact answers while deaths are mended, wards that find homes or joiners, and a joiner
 * whose owner dies after giving it a zone.
 */
#include "ring.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct pp_world *world(const char *const *settings, void *trace_ctx,
                              void (*trace)(void *, pp_ns, size_t, size_t, struct pp_bytes, bool))
{
    const struct pp_substrate *plugin = pp_world_plugin("can");
    CHECK_FATAL(plugin != NULL);
    union pp_value *values = pp_world_values(&plugin->plugin, settings);
    CHECK_FATAL(values != NULL);
    struct pp_world_options options = {.plugin = plugin,
                                       .seed = 41,
                                       .no_memory = true,
                                       .values = values,
                                       .trace = trace,
                                       .trace_ctx = trace_ctx};
    struct pp_world *w = pp_world_create(&options);
    free(values);
    return w;
}

static double hops(size_t n, size_t asked, const char *const *settings)
{
    struct pp_world *w = world(settings, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    pp_world_arrange(w);
    double mean = ring_hops(w, asked, 1);
    pp_world_destroy(w);
    return mean;
}

/* Factors of (d/4) N^(1/d) for random zones, recomputed for N 2^8..2^18; within 5 %. */
static void test_path_factors(void)
{
    static const struct {
        const char *dimensions;
        double d, low, high;
    } rows[] = {{"dimensions=2", 2, 0.78, 0.80},
                {"dimensions=3", 3, 0.79, 0.83},
                {"dimensions=4", 4, 0.85, 0.85},
                {"dimensions=5", 5, 0.89, 0.89}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const settings[] = {rows[i].dimensions, "uniform=off", "shortcuts=off", NULL};
        double factor = hops(4096, 1000, settings) / (rows[i].d / 4 * pow(4096, 1 / rows[i].d));
        printf("  d %.0f: factor %.3f\n", rows[i].d, factor);
        CU_ASSERT_TRUE(factor >= 0.95 * rows[i].low && factor <= 1.05 * rows[i].high);
    }
}

/* Kills the owner as soon as it has given a joiner its zone. */
struct murder {
    size_t owner;
    bool given;
};

static void watch(void *ctx, pp_ns at, size_t from, size_t to, struct pp_bytes payload, bool drop)
{
    struct murder *m = ctx;
    (void)at;
    (void)to;
    (void)drop;
    if (payload.len > 10 && payload.data[0] == (17 | 0x80) && payload.data[10] == 1) { /* JOIN's */
        m->owner = from;
        m->given = true;
    }
}

static void test_owner_dies_after_giving(void)
{
    for (size_t round = 0; round < 8; round++) {
        struct murder m = {0, false};
        struct pp_world *w = world(NULL, &m, watch);
        ring_join(w, 20 + round, PP_SECOND);
        pp_world_run(w, PP_MINUTE);
        m.given = false;
        size_t contact = 3, joiner = pp_world_add(w, PP_MEMBER);
        pp_world_meet(w, joiner, &contact, 1);
        pp_ns end = pp_world_now(w) + PP_MINUTE;
        while (!m.given && pp_world_now(w) < end) {
            pp_world_step(w);
        }
        CU_ASSERT_TRUE(m.given);
        pp_world_kill(w, m.owner);
        pp_world_side(w, joiner, (int)(round % 2)); /* odd rounds: the reply is lost too */
        pp_world_run(w, PP_SECOND / 5);
        pp_world_side(w, joiner, 0);
        CU_ASSERT_TRUE(ring_heals(w, 2 * PP_MINUTE, "the owner died after giving"));
        CU_ASSERT_TRUE(pp_world_active(w, joiner));
        CU_ASSERT_TRUE(ring_exact(w, 50, "the owner died after giving"));
        pp_world_destroy(w);
    }
}

/* A death moves nobody's home: answers are exact while nobody has noticed it, and no matter how the
 * holes are mended meanwhile. */
static void test_exact_right_after_deaths(void)
{
    struct pp_world *w = world(NULL, NULL, NULL);
    for (size_t i = 0; i < 1000; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    pp_world_arrange(w);
    pp_world_run(w, PP_MINUTE);
    ring_kill(w, 250);
    CU_ASSERT_TRUE(ring_exact(w, 50, "right after a quarter died"));
    CU_ASSERT_TRUE(ring_heals(w, PP_MINUTE, "a quarter died"));
    CU_ASSERT_TRUE(ring_exact(w, 200, "a quarter died"));
    pp_world_destroy(w);
}

static void count_wards(void *ctx, const char *text)
{
    *(size_t *)ctx += strncmp(text, "own ward", 8) == 0;
}

static size_t wards(const struct pp_world *w)
{
    size_t count = 0;
    struct pp_sink sink = {count_wards, &count};
    for (size_t i = 0; i < pp_world_count(w); i++) {
        if (pp_world_active(w, i)) {
            pp_world_plugin("can")->snapshot(pp_world_instance(w, i), &sink);
        }
    }
    return count;
}

/* What nobody joins into is put together in the end: every node has one zone again. */
static void test_wards_find_homes(void)
{
    const char *const settings[] = {"wards=1min", NULL};
    struct pp_world *w = world(settings, NULL, NULL);
    for (size_t i = 0; i < 200; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    pp_world_arrange(w);
    pp_world_run(w, PP_MINUTE);
    ring_kill(w, 500);
    pp_world_run(w, 40 * PP_SECOND);
    CU_ASSERT_TRUE(wards(w) > 50);
    pp_world_run(w, 15 * PP_MINUTE);
    CU_ASSERT_EQUAL(wards(w), 0);
    CU_ASSERT_TRUE(ring_heals(w, PP_MINUTE, "wards found homes"));
    CU_ASSERT_TRUE(ring_exact(w, 100, "wards found homes"));
    pp_world_destroy(w);
}

/* Joiners take the places of the dead: nobody else's home is split or moved. */
static void test_joiners_get_wards(void)
{
    struct pp_world *w = world(NULL, NULL, NULL);
    for (size_t i = 0; i < 100; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    pp_world_arrange(w);
    pp_world_run(w, PP_MINUTE);
    ring_kill(w, 200);
    pp_world_run(w, PP_MINUTE);
    size_t before = wards(w);
    ring_join(w, 40, 2 * PP_SECOND);
    pp_world_run(w, PP_MINUTE);
    printf("  %zu wards of 20 dead, %zu after 40 tried to join\n", before, wards(w));
    CU_ASSERT_TRUE(before >= 15); /* two holes side by side make one */
    CU_ASSERT_TRUE(wards(w) <= 2);
    pp_world_destroy(w);
}

CHECK_MAIN("can", CHECK(test_exact_right_after_deaths), CHECK(test_wards_find_homes),
           CHECK(test_joiners_get_wards), CHECK(test_path_factors),
           CHECK(test_owner_dies_after_giving))
