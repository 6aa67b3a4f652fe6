/* Who enters the tables and who does not. */
#include <check.h>
#include <common/find.h>

#include "chord_net.h"

static struct net net;

static struct pp_peer stranger(uint16_t id, uint8_t host)
{
    struct pp_peer peer = net.self[0];
    memset(&peer.id, 0, sizeof peer.id);
    pp_put16(peer.id.b, id);
    peer.address[15] = host;
    return peer;
}

/* A datagram from it arrives at a node. */
static void hear(const struct pp_peer *from, size_t node, uint8_t flags)
{
    struct pp_writer w;
    pp_writer_begin(&w, PP_WIRE_PING, flags, 3);
    pp_write_ping(&w, NULL);
    net_inject(&net, from, node, &w, PP_ID_PROVED);
}

static void test_only_its_own_word_brings_a_peer_in(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 12);
    struct pp_substrate_node *n = net.node[5];
    struct pp_peer told = stranger((uint16_t)(pp_get16(n->m.a.self.id.b) + 7), 200);
    pp_member_candidate(&n->m, net.now, &told, &net.self[6], 0);
    CU_ASSERT_PTR_NULL(pp_tables_entry(&n->m, &told.id)); /* hearsay: asked, not entered */
    CU_ASSERT_TRUE(pp_rpc_pending(&n->m.a, &told, PP_WIRE_PING));
    net_run(&net, 10 * PP_SECOND);
    CU_ASSERT_PTR_NULL(pp_tables_entry(&n->m, &told.id));
    CU_ASSERT_TRUE(pp_quarantine_has(&n->m.quarantine, &told.id, net.now));
    hear(&told, 5, PP_WIRE_ACTIVE);
    CU_ASSERT_FALSE(pp_quarantine_has(&n->m.quarantine, &told.id, net.now));
    CU_ASSERT_TRUE(pp_id_equal(&n->s.at[0].peer.id, &told.id));
    net_end(&net);
}

static void test_tables_stay_whole_arcs(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 12);
    struct pp_substrate_node *n = net.node[5];
    struct pp_id last = n->s.at[3].peer.id;
    chord_forget(&n->m, net.now, &n->s.at[2].peer.id); /* room for one, but only within the arc */
    CU_ASSERT_EQUAL(n->s.n, 3);
    struct pp_peer beyond = stranger((uint16_t)(pp_get16(last.b) + 9), 201);
    chord_learn(&n->m, net.now, &beyond, 0);
    CU_ASSERT_EQUAL(n->s.n, 3);
    chord_learn(&n->m, net.now, &beyond, CHORD_LIST_S);
    CU_ASSERT_EQUAL(n->s.n, 4);
    CU_ASSERT_TRUE(pp_id_equal(&n->s.at[3].peer.id, &beyond.id));
    net_end(&net);
}

static void test_endpoint_and_inactivity(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 12);
    struct pp_substrate_node *n = net.node[5];
    struct pp_peer moved = n->s.at[0].peer;
    struct pp_peer old = moved;
    moved.address[15] = 210;
    hear(&moved, 5, PP_WIRE_ACTIVE);
    CU_ASSERT_TRUE(pp_peer_same_endpoint(&n->s.at[0].peer, &moved));
    pp_member_silent(&n->m, net.now, &old); /* what was asked at the old endpoint proves nothing */
    CU_ASSERT_PTR_NOT_NULL(pp_tables_entry(&n->m, &moved.id));
    hear(&moved, 5, 0);
    CU_ASSERT_PTR_NULL(pp_tables_entry(&n->m, &moved.id));
    net_end(&net);
}

CHECK_MAIN("chord state", CHECK(test_only_its_own_word_brings_a_peer_in),
           CHECK(test_tables_stay_whole_arcs), CHECK(test_endpoint_and_inactivity))
