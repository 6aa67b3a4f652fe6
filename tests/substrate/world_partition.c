/* A network in two halves becomes one ring again, and what else may befall whole networks. */
#include "ring.h"

#include <stdio.h>

static void halves(size_t n, pp_ns apart)
{
    struct pp_world *w = ring_arranged(21, n, NULL);
    pp_world_run(w, 6 * PP_MINUTE); /* hosts get to know peers */
    for (size_t i = 0; i < n; i++) {
        pp_world_side(w, i, (int)pp_prng_below(pp_world_prng(w), 2));
    }
    pp_world_run(w, apart);
    for (size_t i = 0; i < n; i++) {
        pp_world_side(w, i, 0);
    }
    CU_ASSERT_TRUE(ring_heals(w, 20 * PP_MINUTE, "healed")); /* 4 T_merge */
    CU_ASSERT_TRUE(ring_exact(w, 200, "healed"));
    ring_end(w);
}

static void test_halves_of_many_heal(void)
{
    halves(getenv("PEERPOST_DEEP") ? 1000 : 200, PP_HOUR);
}

static void test_halves_of_few_heal(void)
{
    halves(6, PP_HOUR);
    halves(40, PP_HOUR);
}

/* Two networks that never knew of each other, and one contact between them. */
static void test_two_rings_become_one(void)
{
    struct pp_world *w = ring_world(22, NULL);
    ring_join(w, 60, PP_SECOND);
    size_t other = pp_world_add(w, PP_MEMBER), bridge = 5;
    pp_world_found(w, other);
    for (size_t i = 0; i < 60; i++) {
        size_t contact = other + pp_prng_below(pp_world_prng(w), i + 1);
        pp_world_meet(w, pp_world_add(w, PP_MEMBER), &contact, 1);
        pp_world_run(w, PP_SECOND);
    }
    pp_world_run(w, PP_MINUTE);
    pp_world_meet(w, other, &bridge, 1);
    CU_ASSERT_TRUE(ring_heals(w, 20 * PP_MINUTE, "two rings"));
    CU_ASSERT_TRUE(ring_exact(w, 200, "two rings"));
    ring_end(w);
}

static void test_all_leave_but_some(void)
{
    struct pp_world *w = ring_arranged(23, 100, NULL);
    pp_world_run(w, PP_MINUTE);
    for (size_t i = 0; i < 100; i++) {
        if (i % 3 != 0) {
            pp_world_leave(w, i, pp_world_now(w) + 5 * PP_SECOND);
            pp_world_run(w, PP_SECOND / 5);
        }
    }
    pp_world_run(w, 6 * PP_SECOND);
    for (size_t i = 0; i < 100; i++) {
        if (i % 3 != 0) {
            CU_ASSERT_EQUAL(pp_world_state(w, i), PP_LEFT);
            pp_world_kill(w, i);
        }
    }
    CU_ASSERT_TRUE(ring_exact(w, 100, "two thirds have left"));
    CU_ASSERT_TRUE(ring_heals(w, 3 * PP_MINUTE, "two thirds have left"));
    CU_ASSERT_TRUE(ring_exact(w, 100, "and the others are at rest"));
    ring_end(w);
}

static void test_nodes_move(void)
{
    struct pp_world *w = ring_arranged(24, 100, NULL);
    pp_world_run(w, PP_MINUTE);
    for (size_t i = 0; i < 100; i += 5) {
        pp_world_move(w, i);
    }
    pp_world_run(w, 2 * PP_MINUTE);
    CU_ASSERT_TRUE(ring_heals(w, 5 * PP_MINUTE, "a fifth moved"));
    CU_ASSERT_TRUE(ring_exact(w, 100, "a fifth moved"));
    ring_end(w);
}

static void test_restarts_find_their_place(void)
{
    struct pp_world *w = ring_arranged(25, 100, NULL);
    pp_world_run(w, 6 * PP_MINUTE);
    for (size_t i = 0; i < 100; i += 2) {
        pp_world_restart(w, i);
        pp_world_rejoin(w, i, 64);
        pp_world_run(w, PP_SECOND);
    }
    CU_ASSERT_TRUE(ring_heals(w, 3 * PP_MINUTE, "half restarted"));
    CU_ASSERT_TRUE(ring_exact(w, 100, "half restarted"));
    ring_end(w);
}

CHECK_MAIN("partition", CHECK(test_halves_of_many_heal), CHECK(test_halves_of_few_heal),
           CHECK(test_two_rings_become_one), CHECK(test_all_leave_but_some), CHECK(test_nodes_move),
           CHECK(test_restarts_find_their_place))
