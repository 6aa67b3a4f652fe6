/* Fingers: distinct, exact, replaced when dead or bettered. */
#include <check.h>

#include "chord_net.h"

static struct net net;

static void test_fingers_are_distinct_and_few(void)
{
    chord_start(&net, 2, false);
    net_ring(&net, 64);
    for (size_t i = 0; i < 64; i++) {
        const struct pp_substrate_node *n = net.node[i];
        CU_ASSERT_TRUE(n->f.n >= 3 && n->f.n <= 7);
        for (size_t j = 1; j < n->f.n; j++) {
            CU_ASSERT_FALSE(pp_id_equal(&n->f.at[j].peer.id, &n->f.at[j - 1].peer.id));
        }
    }
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_a_dead_finger_is_replaced(void)
{
    chord_start(&net, 2, false);
    net_ring(&net, 64);
    struct pp_id gone = net.node[0]->f.at[net.node[0]->f.n - 1].peer.id;
    for (size_t i = 0; i < 64; i++) {
        if (pp_id_equal(&net.self[i].id, &gone)) {
            net_kill(&net, i);
        }
    }
    net_run(&net, 5 * PP_MINUTE);
    CU_ASSERT_PTR_NULL(pp_tables_entry(&net.node[0]->m, &gone));
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_a_joiner_fills_its_fingers(void)
{
    chord_start(&net, 2, false);
    net_ring(&net, 63);
    size_t j = net_add(&net, 0x2222, PP_MEMBER);
    net_meet(&net, j, 40);
    net_run(&net, 20 * PP_SECOND);
    CU_ASSERT_TRUE(net.node[j]->f.n >= 3);
    net_run(&net, 5 * PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_a_small_ring_needs_none(void)
{
    chord_start(&net, 8, false);
    net_ring(&net, 9);
    net_run(&net, 3 * PP_MINUTE);
    for (size_t i = 0; i < 9; i++) {
        CU_ASSERT_EQUAL(net.node[i]->f.n, 0);
        CU_ASSERT_EQUAL(chord_finger_low(net.node[i]), PP_ID_BITS);
    }
    net_end(&net);
}

CHECK_MAIN("chord fingers", CHECK(test_fingers_are_distinct_and_few),
           CHECK(test_a_dead_finger_is_replaced), CHECK(test_a_joiner_fills_its_fingers),
           CHECK(test_a_small_ring_needs_none))
