/* Meeting: clients, rings that find each other, contacts already known. */
#include <check.h>

#include "chord_net.h"

static struct net net;

static void test_two_rings_zip(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 20);
    size_t first = net.n;
    for (uint16_t i = 0; i < 20; i++) {
        net_add(&net, (uint16_t)(i * 3000 + 1111), PP_MEMBER);
    }
    peerpost_plugin.arrange(net.node + first, 20, net.now);
    net_run(&net, PP_MINUTE);
    net_meet(&net, 3, first + 5);
    net_run(&net, 5 * PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_two_lone_nodes(void)
{
    chord_start(&net, 4, false);
    for (uint16_t i = 0; i < 2; i++) {
        net_add(&net, (uint16_t)(i * 3000 + 1), PP_MEMBER);
        peerpost_plugin.meet(net.node[i], net.now, NULL, 0);
    }
    net_meet(&net, 0, 1);
    net_run(&net, 30 * PP_SECOND);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    CU_ASSERT_EQUAL(net.node[0]->s.n, 1);
    net_end(&net);
}

static void test_a_known_contact_costs_nothing(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 20);
    net_run(&net, PP_SECOND);
    memset(net.sent, 0, sizeof net.sent);
    struct pp_peer contact = net.node[4]->s.at[2].peer;
    peerpost_plugin.meet(net.node[4], net.now, &contact, 1);
    uint64_t sent = 0;
    for (size_t i = 0; i < 256; i++) {
        sent += net.sent[i];
    }
    CU_ASSERT_EQUAL(sent, 0);
    net_end(&net);
}

static void test_a_client_stays_outside(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 20);
    size_t c = net_add(&net, 0, PP_CLIENT);
    CU_ASSERT_EQUAL(net_lookup(&net, c, 77, 5), PP_OFFLINE);
    net_meet(&net, c, 4);
    net_run(&net, PP_SECOND);
    CU_ASSERT_EQUAL(net.state[c], PP_ACTIVE);
    CU_ASSERT_EQUAL(net_lookup(&net, c, 77, 5), PP_OK);
    CU_ASSERT_EQUAL(net.result.code, PP_OK);
    CU_ASSERT_EQUAL(net.result.n_peers, 5);
    CU_ASSERT_TRUE(pp_id_equal(&net.peers[0].id, &net.self[0].id));
    CU_ASSERT_EQUAL(net_check(&net), 0);
    struct pp_id key = {{0}};
    CU_ASSERT_EQUAL(chord_covers(net.node[c], &key, 5), PP_COVERS_UNKNOWN);
    net_end(&net);
}

static void test_a_client_without_an_answer(void)
{
    chord_start(&net, 4, false);
    size_t gone = net_add(&net, 5, PP_MEMBER), c = net_add(&net, 0, PP_CLIENT);
    net_kill(&net, gone);
    net_meet(&net, c, gone);
    net_run(&net, 20 * PP_SECOND);
    CU_ASSERT_EQUAL(net.state[c], PP_ALONE);
    net_end(&net);
}

static void test_in_place(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 20);
    struct pp_member *m = &net.node[7]->m;
    CU_ASSERT_TRUE(chord_in_place(m, &net.self[7].id));
    CU_ASSERT_TRUE(chord_in_place(m, &net.self[8].id)); /* the successor, as we have it */
    CU_ASSERT_FALSE(chord_in_place(m, &net.self[9].id));
    pp_peerset_free(&net.node[7]->p); /* nobody behind us: that cannot be all */
    CU_ASSERT_FALSE(chord_in_place(m, &net.self[8].id));
    net_end(&net);
}

CHECK_MAIN("chord merge", CHECK(test_two_rings_zip), CHECK(test_two_lone_nodes),
           CHECK(test_a_known_contact_costs_nothing), CHECK(test_a_client_stays_outside),
           CHECK(test_a_client_without_an_answer), CHECK(test_in_place))
