/*
 * What a quiet network costs, and how fast it finds out about deaths: datagrams and octets a second
 * (our payload and the 80 octets of core's envelope), at 32 nodes and at 300.
 */
#include "ring.h"

#include <stdio.h>

#define ENVELOPE 80

struct rate {
    double datagrams, octets; /* a second and node */
};

static struct rate idle(size_t n, pp_ns time)
{
    struct pp_world *w = ring_world(n, NULL);
    ring_join(w, n, PP_SECOND / 2);
    pp_world_run(w, 5 * PP_MINUTE);
    struct pp_world_counts before = pp_world_counts(w);
    pp_world_run(w, time);
    struct pp_world_counts after = pp_world_counts(w);
    double seconds = (double)time / 1e9 * (double)n;
    double sent = (double)(after.sent - before.sent);
    struct rate r = {sent / seconds,
                     ((double)(after.octets - before.octets) + sent * ENVELOPE) / seconds};
    printf("  %zu nodes: %.3f datagrams, %.1f octets a second and node\n", n, r.datagrams,
           r.octets);
    ring_end(w);
    return r;
}

static void test_upkeep_of_32(void)
{
    struct rate r = idle(32, 10 * PP_MINUTE);
    CU_ASSERT_TRUE(r.datagrams > 0 && r.datagrams <= 3);
    CU_ASSERT_TRUE(r.octets <= 500);
}

static void test_upkeep_of_300(void)
{
    struct rate r = idle(300, 10 * PP_MINUTE);
    CU_ASSERT_TRUE(r.datagrams > 0 && r.datagrams <= 3);
    CU_ASSERT_TRUE(r.octets <= 500);
}

/* A quarter of 32 dies: how long until every look-up is exact and the tables are right? */
static void test_recovery_of_32(void)
{
    struct pp_world *w = ring_arranged(5, 32, NULL);
    pp_world_run(w, 5 * PP_MINUTE);
    ring_kill(w, 250);
    CU_ASSERT_TRUE(ring_heals(w, 60 * PP_SECOND, "a quarter of 32 died"));
    CU_ASSERT_TRUE(ring_exact(w, 100, "a quarter of 32 died"));
    ring_end(w);
}

CHECK_MAIN("upkeep", CHECK(test_upkeep_of_32), CHECK(test_upkeep_of_300),
           CHECK(test_recovery_of_32))
