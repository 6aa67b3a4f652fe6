/* The leaf set after deaths and goodbyes. */
#include <check.h>

#include "pastry_net.h"

static struct net net;

static void ring(size_t n)
{
    pastry_start(&net, 4, 8);
    net_ring(&net, n);
}

static void test_a_death_is_found_and_filled(void)
{
    ring(40);
    struct pp_substrate_node *n = net.node[20];
    net_kill(&net, 22);
    CU_ASSERT_PTR_NOT_NULL(pp_roster_entry(&n->r.m, &net.self[22].id));
    net_run(&net, 2 * PP_MINUTE);
    CU_ASSERT_PTR_NULL(pp_roster_entry(&n->r.m, &net.self[22].id));
    CU_ASSERT_PTR_NOT_NULL(pp_roster_entry(&n->r.m, &net.self[25].id)); /* the next, as fifth */
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

/* All four leaves of one side, and two more, at the same moment. */
static void test_a_whole_side_dies(void)
{
    ring(40);
    for (size_t i = 21; i < 27; i++) {
        net_kill(&net, i);
    }
    net_run(&net, 3 * PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    CU_ASSERT_PTR_NOT_NULL(pp_roster_entry(&net.node[20]->r.m, &net.self[27].id));
    net_end(&net);
}

static void test_quiet_leaves_are_pinged_once_a_heartbeat(void)
{
    ring(40);
    net_run(&net, 2 * PP_MINUTE);
    uint64_t before = net.sent[PP_WIRE_PING];
    net_run(&net, 5 * PP_MINUTE);
    double each = (double)(net.sent[PP_WIRE_PING] - before) / 40 / 10; /* a node a heartbeat */
    CU_ASSERT_TRUE(each > 0.5);
    CU_ASSERT_TRUE(each < 10); /* 8 leaves, most of whom speak first; a few others */
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_a_goodbye_is_believed_at_once(void)
{
    ring(40);
    peerpost_plugin.leave(net.node[20], net.now, net.now + PP_SECOND);
    net_run(&net, 100 * PP_MS);
    for (size_t i = 16; i < 25; i++) {
        CU_ASSERT_PTR_NULL(pp_roster_entry(&net.node[i]->r.m, &net.self[20].id));
    }
    net_run(&net, 30 * PP_SECOND);
    net_kill(&net, 20);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

/* A goodbye takes away its sender alone, and only when that has proved who it is. */
static void test_nobody_says_goodbye_for_another(void)
{
    struct pp_writer w;
    ring(40);
    struct pp_peer liar = net.self[21];
    pp_writer_begin(&w, PASTRY_LEAVE, 0, 1);
    net_inject(&net, &liar, 20, &w, 0);
    CU_ASSERT_PTR_NOT_NULL(pp_roster_entry(&net.node[20]->r.m, &net.self[21].id));
    pp_write8(&w, 0); /* and none with something behind it */
    net_inject(&net, &liar, 20, &w, PP_ID_PROVED);
    CU_ASSERT_EQUAL(net.node[20]->r.m.ops->known(&net.node[20]->r.m), net.node[20]->r.table.n);
    pp_writer_begin(&w, PASTRY_LEAVE, 0, 2);
    net_inject(&net, &net.self[30], 20, &w, PP_ID_PROVED);
    CU_ASSERT_PTR_NOT_NULL(pp_roster_entry(&net.node[20]->r.m, &net.self[19].id));
    net_end(&net);
}

static void test_becoming_a_member(void)
{
    struct pp_substrate_node *n = pastry_lone(&net, 4, 2, 0x10);
    n->r.m.phase = PP_PHASE_ENTER;
    for (uint16_t i = 0; i < 8; i++) { /* while it enters it keeps all */
        struct pp_peer peer = pastry_peer((uint16_t)(0x8000 + i));
        struct pp_entry entry = pp_entry_now(&peer, net.now);
        struct pp_order order = pp_roster_order(&n->r);
        pp_peerset_insert(&n->r.table, &order, UINT16_MAX, &entry);
    }
    n->r.m.phase = PP_PHASE_MEMBER;
    pastry_activated(&n->r.m, net.now);
    CU_ASSERT_EQUAL(n->r.table.n, 3); /* two leaves, one in the cell between */
    CU_ASSERT_TRUE(pastry_next(&n->r.m) <= net.now + 7 * PP_SECOND);
    n->r.m.phase = PP_PHASE_ENTER;
    CU_ASSERT_EQUAL(pastry_next(&n->r.m), PP_NEVER);
    net_end(&net);
}

CHECK_MAIN("pastry upkeep", CHECK(test_a_death_is_found_and_filled), CHECK(test_a_whole_side_dies),
           CHECK(test_quiet_leaves_are_pinged_once_a_heartbeat),
           CHECK(test_a_goodbye_is_believed_at_once), CHECK(test_nobody_says_goodbye_for_another),
           CHECK(test_becoming_a_member))
