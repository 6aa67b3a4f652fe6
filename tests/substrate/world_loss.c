/*
 * A network that loses every tenth datagram and doubles some, while nodes come, go and die.
 * PEERPOST_DEEP in the environment: 5,000 look-ups for each k under loss.
 */
#include "ring.h"

#include <stdio.h>

static size_t lookups(size_t n)
{
    return getenv("PEERPOST_DEEP") ? 5000 : n;
}

static void test_a_tenth_is_lost(void)
{
    struct pp_world *w = ring_arranged(11, 500, NULL);
    pp_world_set_loss(w, 100000, 20000);
    pp_world_run(w, PP_MINUTE);
    CU_ASSERT_TRUE(ring_nearly_exact(w, lookups(100), "10 % loss"));
    for (int i = 0; i < 100; i++) {
        size_t n = pp_world_count(w), contact = pp_prng_below(pp_world_prng(w), n);
        if (i % 2 == 0 && pp_world_alive(w, contact)) {
            pp_world_meet(w, pp_world_add(w, PP_MEMBER), &contact, 1);
        } else if (pp_world_alive(w, contact)) {
            pp_world_kill(w, contact);
        }
        pp_world_run(w, PP_SECOND);
    }
    pp_world_run(w, 5 * PP_MINUTE);
    CU_ASSERT_TRUE(ring_nearly_exact(w, lookups(200), "10 % loss after joins and deaths"));
    pp_world_set_loss(w, 0, 0);
    CU_ASSERT_TRUE(ring_heals(w, 5 * PP_MINUTE, "loss is over"));
    CU_ASSERT_TRUE(ring_exact(w, 200, "loss is over"));
    ring_end(w);
}

static void test_joining_under_loss(void)
{
    struct pp_world *w = ring_world(12, NULL);
    pp_world_set_loss(w, 100000, 20000);
    ring_join(w, 200, PP_SECOND / 2);
    pp_world_run(w, 5 * PP_MINUTE);
    CU_ASSERT_TRUE(ring_nearly_exact(w, lookups(100), "joined under 10 % loss"));
    pp_world_set_loss(w, 0, 0);
    CU_ASSERT_TRUE(ring_heals(w, 5 * PP_MINUTE, "joined under loss"));
    CU_ASSERT_TRUE(ring_exact(w, 100, "joined under loss"));
    ring_end(w);
}

/* Every third datagram lost, every tenth doubled, and each takes up to a second, so that they
 * overtake each other; meanwhile some join and some die. */
static void test_a_third_is_lost_and_all_disordered(void)
{
    struct pp_world_options options = {.plugin = ring_plugin(),
                                       .seed = 13,
                                       .latency_min = 10 * PP_MS,
                                       .latency_max = PP_SECOND,
                                       .loss = 300000,
                                       .duplicate = 100000};
    struct pp_world *w = pp_world_create(&options);
    for (size_t i = 0; i < 200; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    pp_world_arrange(w);
    for (int i = 0; i < 20; i++) {
        size_t contact = pp_prng_below(pp_world_prng(w), 100);
        pp_world_meet(w, pp_world_add(w, PP_MEMBER), &contact, 1);
        pp_world_kill(w, 100 + pp_prng_below(pp_world_prng(w), 100));
        pp_world_run(w, 10 * PP_SECOND);
        ring_help(w);
    }
    ring_exact(w, lookups(50), "30 % loss"); /* only printed */
    pp_world_set_loss(w, 0, 100000);
    CU_ASSERT_TRUE(ring_heals(w, 10 * PP_MINUTE, "30 % loss is over"));
    CU_ASSERT_TRUE(ring_exact(w, 100, "30 % loss is over"));
    CU_ASSERT_EQUAL(pp_world_false_no(w, 100, 5), 0);
    ring_end(w);
}

CHECK_MAIN("loss", CHECK(test_a_tenth_is_lost), CHECK(test_joining_under_loss),
           CHECK(test_a_third_is_lost_and_all_disordered))
