/* Stabilisation: quiet when all is well, and what it does when something is not. */
#include <check.h>

#include "chord_net.h"

static struct net net;

static void test_a_quiet_ring_sends_no_lists(void)
{
    chord_start(&net, 8, false);
    net_ring(&net, 30);
    net_run(&net, PP_MINUTE);
    memset(net.sent, 0, sizeof net.sent);
    net_run(&net, 5 * PP_MINUTE);
    uint64_t rounds = net.sent[CHORD_STABILISE];
    CU_ASSERT_TRUE(rounds >= 30 * 300 / 19 && rounds <= 30 * 300 / 11);
    CU_ASSERT_EQUAL(net.sent[CHORD_STATE], 0);
    CU_ASSERT_EQUAL(net.sent[CHORD_INTRODUCE], 0);
    CU_ASSERT_EQUAL(net.sent[CHORD_NUDGE], 0);
    net_end(&net);
}

static void test_dead_neighbours_go(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 30);
    net_run(&net, PP_MINUTE);
    for (size_t i = 10; i < 13; i++) { /* all but one of a list */
        net_kill(&net, i);
    }
    net_run(&net, 3 * PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    CU_ASSERT_TRUE(pp_id_equal(&net.node[9]->s.at[0].peer.id, &net.self[13].id));
    CU_ASSERT_TRUE(pp_id_equal(&net.node[13]->p.at[0].peer.id, &net.self[9].id));
    net_end(&net);
}

static void test_all_successors_lost(void)
{
    chord_start(&net, 3, false);
    net_ring(&net, 30);
    net_run(&net, PP_MINUTE);
    for (size_t i = 10; i < 16; i++) {
        net_kill(&net, i);
    }
    net_run(&net, 5 * PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_a_live_member_is_not_dropped_on_hearsay(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 30);
    chord_forget(&net.node[11]->m, net.now, &net.self[13].id); /* our successor has lost it */
    net_run(&net, 2 * PP_MINUTE);
    CU_ASSERT_PTR_NOT_NULL(pp_tables_entry(&net.node[10]->m, &net.self[13].id));
    CU_ASSERT_PTR_NOT_NULL(
        pp_tables_entry(&net.node[11]->m, &net.self[13].id)); /* and has it back */
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_introductions_are_followed_slowly(void)
{
    struct pp_writer w;
    chord_start(&net, 4, false);
    net_ring(&net, 30);
    memset(net.sent, 0, sizeof net.sent);
    for (uint8_t i = 0; i < 100; i++) {
        struct pp_peer made_up = net.self[11];
        made_up.id.b[5] = (uint8_t)(i + 1);
        made_up.address[15] = (uint8_t)(150 + i);
        pp_writer_begin(&w, CHORD_INTRODUCE, PP_WIRE_ACTIVE, i + 1u);
        pp_write_peer(&w, &made_up);
        net_inject(&net, &net.self[12], 10, &w, PP_ID_PROVED);
    }
    CU_ASSERT_TRUE(net.sent[PP_WIRE_PING] <= 1);
    net_end(&net);
}

/* One whom our successor does not list is asked itself, and so a ghost does not stay. */
static void test_a_ghost_is_asked(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 20);
    struct pp_substrate_node *n = net.node[7];
    struct pp_order order = chord_clockwise(n);
    struct pp_peer ghost = net.self[8];
    ghost.id.b[19] = 9; /* just after the successor */
    ghost.udp = 5000;
    struct pp_entry entry = pp_entry_now(&ghost, net.now - PP_MINUTE);
    pp_peerset_insert(&n->s, &order, n->net->r, &entry);
    CHECK_FATAL(pp_tables_entry(&n->m, &ghost.id) != NULL);
    net_run(&net, PP_MINUTE);
    CU_ASSERT_PTR_NULL(pp_tables_entry(&n->m, &ghost.id));
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

CHECK_MAIN("chord repair", CHECK(test_a_quiet_ring_sends_no_lists), CHECK(test_dead_neighbours_go),
           CHECK(test_all_successors_lost), CHECK(test_a_live_member_is_not_dropped_on_hearsay),
           CHECK(test_introductions_are_followed_slowly), CHECK(test_a_ghost_is_asked))
