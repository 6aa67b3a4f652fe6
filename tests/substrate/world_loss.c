/* A network that loses every tenth datagram and doubles some, while nodes come, go and die. */
#include "ring.h"

#include <stdio.h>

static void test_a_tenth_is_lost(void)
{
    struct pp_world *w = ring_arranged(11, 500, NULL);
    pp_world_set_loss(w, 100000, 20000);
    pp_world_run(w, PP_MINUTE);
    CU_ASSERT_TRUE(ring_exact(w, 100, "10 % loss"));
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
    CU_ASSERT_TRUE(ring_exact(w, 200, "10 % loss after joins and deaths"));
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
    CU_ASSERT_TRUE(ring_exact(w, 100, "joined under 10 % loss"));
    pp_world_set_loss(w, 0, 0);
    CU_ASSERT_TRUE(ring_heals(w, 5 * PP_MINUTE, "joined under loss"));
    CU_ASSERT_TRUE(ring_exact(w, 100, "joined under loss"));
    ring_end(w);
}

CHECK_MAIN("loss", CHECK(test_a_tenth_is_lost), CHECK(test_joining_under_loss))
