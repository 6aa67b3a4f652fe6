/*
 * What a quiet network costs, and how fast it finds out about deaths: datagrams and octets a second
 * (our payload and the 80 octets of core's envelope), at 32 nodes and at 300 (PEERPOST_DEEP in the
 * environment: and at 1,000). And how many round trips a look-up takes where all know all.
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

static void test_upkeep_of_1000(void)
{
    if (getenv("PEERPOST_DEEP")) {
        struct rate r = idle(1000, 10 * PP_MINUTE);
        CU_ASSERT_TRUE(r.datagrams > 0 && r.datagrams <= 3);
    }
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

/* A round trip takes 100 ms in the mean and 180 at most: one or two rounds, whatever k is. CAN,
 * with members that know their neighbours alone, goes from neighbour to neighbour. */
static void test_round_trips_of_32(void)
{
    double most = strcmp(ring_plugin()->plugin.name, "can") == 0 ? 0.55 : 0.25;
    static const unsigned ks[] = {1, 5, 16, 32};
    struct pp_world *w = ring_arranged(6, 32, NULL);
    pp_world_run(w, 5 * PP_MINUTE);
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        struct pp_world_verdict v;
        pp_world_verify(w, 500, ks[i], &v);
        double took = (double)v.elapsed / 1e9 / (double)v.asked;
        printf("  32 nodes, k %2u: %zu of %zu exact, %.1f messages, %.3f s\n", ks[i], v.exact,
               v.asked, (double)v.messages / (double)v.asked, took);
        CU_ASSERT_EQUAL(v.exact, v.asked);
        CU_ASSERT_TRUE(took <= most);
    }
    ring_end(w);
}

CHECK_MAIN("upkeep", CHECK(test_upkeep_of_32), CHECK(test_upkeep_of_300),
           CHECK(test_upkeep_of_1000), CHECK(test_recovery_of_32), CHECK(test_round_trips_of_32))
