/* A thousand nodes: joining in random order, half of them at once. */
#include "ring.h"

#include <stdio.h>

#define MANY 1000

static void test_a_thousand_join_in_turn(void)
{
    struct pp_world *w = ring_world(1, NULL);
    ring_join(w, MANY, 200 * PP_MS);
    CU_ASSERT_TRUE(ring_heals(w, 10 * PP_MINUTE, "join in turn"));
    CU_ASSERT_TRUE(ring_exact(w, 200, "join in turn"));
    CU_ASSERT_EQUAL(pp_world_false_no(w, 100, 5), 0);
    ring_end(w);
}

static void test_half_join_at_once(void)
{
    struct pp_world *w = ring_arranged(2, MANY / 2, NULL);
    ring_join_at_once(w, MANY / 2, MANY / 2);
    CU_ASSERT_TRUE(ring_heals(w, 10 * PP_MINUTE, "half at once"));
    CU_ASSERT_TRUE(ring_exact(w, 200, "half at once"));
    CU_ASSERT_EQUAL(pp_world_false_no(w, 100, 5), 0);
    ring_end(w);
}

static void test_hops_are_few(void)
{
    struct pp_world *w = ring_arranged(4, MANY, NULL);
    pp_world_run(w, PP_MINUTE);
    double hops = ring_hops(w, 1000, 5);
    printf("  mean hops %.2f, bound 4.98\n", hops);
    CU_ASSERT_TRUE(hops > 0 && hops <= 4.98); /* 0.5 log2 1000 */
    ring_end(w);
}

CHECK_MAIN("many", CHECK(test_a_thousand_join_in_turn), CHECK(test_half_join_at_once),
           CHECK(test_hops_are_few))
