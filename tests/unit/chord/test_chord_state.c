/* Who enters the tables and who does not. */
#include <check.h>

#include "net.h"

static struct net net;

static struct pp_peer stranger(uint16_t id, uint8_t host)
{
    struct pp_peer peer = net.self[0];
    memset(&peer.id, 0, sizeof peer.id);
    pp_put16(peer.id.b, id);
    peer.address[15] = host;
    return peer;
}

static void test_only_its_own_word_brings_a_peer_in(void)
{
    net_start(&net, 4, false);
    net_ring(&net, 12);
    struct pp_substrate_node *n = net.node[5];
    struct pp_peer told = stranger((uint16_t)(pp_get16(n->a.self.id.b) + 7), 200);
    chord_candidate(n, net.now, &told, &net.self[6], 0);
    CU_ASSERT_PTR_NULL(chord_entry(n, &told.id)); /* hearsay: asked, not entered */
    CU_ASSERT_TRUE(pp_rpc_pending(&n->a, &told, PP_WIRE_PING));
    net_run(&net, 10 * PP_SECOND);
    CU_ASSERT_PTR_NULL(chord_entry(n, &told.id));
    CU_ASSERT_TRUE(pp_quarantine_has(&n->quarantine, &told.id, net.now));
    chord_heard(n, net.now, &told, true, 0);
    CU_ASSERT_FALSE(pp_quarantine_has(&n->quarantine, &told.id, net.now));
    chord_learn(n, net.now, &told, 0);
    CU_ASSERT_TRUE(pp_id_equal(&n->s.at[0].peer.id, &told.id));
    net_end(&net);
}

static void test_tables_stay_whole_arcs(void)
{
    net_start(&net, 4, false);
    net_ring(&net, 12);
    struct pp_substrate_node *n = net.node[5];
    struct pp_id last = n->s.at[3].peer.id;
    chord_forget(n, net.now, &n->s.at[2].peer.id); /* room for one, but only within the arc */
    CU_ASSERT_EQUAL(n->s.n, 3);
    struct pp_peer beyond = stranger((uint16_t)(pp_get16(last.b) + 9), 201);
    chord_learn(n, net.now, &beyond, 0);
    CU_ASSERT_EQUAL(n->s.n, 3);
    chord_learn(n, net.now, &beyond, CHORD_LIST_S);
    CU_ASSERT_EQUAL(n->s.n, 4);
    CU_ASSERT_TRUE(pp_id_equal(&n->s.at[3].peer.id, &beyond.id));
    net_end(&net);
}

static void test_endpoint_and_inactivity(void)
{
    net_start(&net, 4, false);
    net_ring(&net, 12);
    struct pp_substrate_node *n = net.node[5];
    struct pp_peer moved = n->s.at[0].peer;
    struct pp_peer old = moved;
    moved.address[15] = 210;
    chord_heard(n, net.now, &moved, true, 0);
    CU_ASSERT_TRUE(pp_peer_same_endpoint(&n->s.at[0].peer, &moved));
    chord_dead(n, net.now, &old); /* what was asked at the old endpoint proves nothing */
    CU_ASSERT_PTR_NOT_NULL(chord_entry(n, &moved.id));
    chord_heard(n, net.now, &moved, false, 0);
    CU_ASSERT_PTR_NULL(chord_entry(n, &moved.id));
    net_end(&net);
}

static void test_digests_see_what_counts(void)
{
    net_start(&net, 4, false);
    net_ring(&net, 12);
    struct pp_substrate_node *n = net.node[5], *s = net.node[6];
    uint64_t mine = chord_digest(n, NULL, &n->s, NULL);
    CU_ASSERT_EQUAL(mine, chord_digest(s, &s->a.self.id, &s->s, &n->a.self.id));
    chord_late(n, net.now, &n->s.at[1].peer.id);
    CU_ASSERT_NOT_EQUAL(mine, chord_digest(n, NULL, &n->s, NULL));
    net_end(&net);
}

CHECK_MAIN("chord state", CHECK(test_only_its_own_word_brings_a_peer_in),
           CHECK(test_tables_stay_whole_arcs), CHECK(test_endpoint_and_inactivity),
           CHECK(test_digests_see_what_counts))
