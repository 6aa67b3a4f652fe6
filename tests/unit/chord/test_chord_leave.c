/* Leaving, with and without an answer, and moving house. */
#include <check.h>

#include "chord_net.h"

static struct net net;

static void test_a_leaver_is_gone_at_once(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 20);
    peerpost_plugin.leave(net.node[7], net.now, net.now + 5 * PP_SECOND);
    net_run(&net, PP_SECOND);
    CU_ASSERT_EQUAL(net.state[7], PP_LEFT);
    for (size_t i = 0; i < 20; i++) {
        if (i != 7 && (i < 3 || i > 11)) {
            continue;
        }
        CU_ASSERT_PTR_NULL(pp_tables_entry(&net.node[i]->m, &net.self[7].id));
    }
    net_kill(&net, 7);
    net_run(&net, 2 * PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static bool to_none_but_7(const struct flight *f)
{
    return f->from == 7 || f->to == 7;
}

static void test_it_ends_in_time_when_nobody_answers(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 20);
    struct pp_id key = net.self[15].id;
    net.lose = to_none_but_7;
    CU_ASSERT_EQUAL(peerpost_plugin.lookup(net.node[7], net.now, &key, 5, 1, 0, 9), PP_OK);
    peerpost_plugin.leave(net.node[7], net.now, net.now + 2 * PP_SECOND);
    CU_ASSERT_EQUAL(net.found, 1); /* look-ups end with `leave` */
    CU_ASSERT_EQUAL(net.result.code, PP_OFFLINE);
    CU_ASSERT_NOT_EQUAL(net.state[7], PP_LEFT);
    net_run(&net, 2 * PP_SECOND);
    CU_ASSERT_EQUAL(net.state[7], PP_LEFT);
    CU_ASSERT_EQUAL(peerpost_plugin.next(net.node[7]), PP_NEVER);
    CU_ASSERT_EQUAL(peerpost_plugin.lookup(net.node[7], net.now, &key, 5, 1, 0, 9), PP_OFFLINE);
    net_end(&net);
}

static void test_a_bad_leave_names_nobody(void)
{
    struct pp_writer w;
    struct pp_peer liar = net.self[0], made_up = net.self[0];
    chord_start(&net, 4, false);
    net_ring(&net, 20);
    liar = made_up = net.self[0];
    liar.id.b[7] = 9; /* a member, but none of our tables */
    liar.address[15] = 230;
    made_up.id = net.self[10].id;
    made_up.id.b[9] = 1;
    made_up.address[15] = 231;
    memset(net.sent, 0, sizeof net.sent);
    pp_writer_begin(&w, CHORD_LEAVE, 0, 5);
    pp_write_page(&w, &made_up, 1, 0, NULL, 0);
    pp_write_page(&w, &made_up, 1, 0, NULL, 0);
    net_inject(&net, &liar, 10, &w, PP_ID_PROVED);
    CU_ASSERT_EQUAL(net.sent[PP_WIRE_PING], 0);
    net_end(&net);
}

static void test_moving_keeps_the_place(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 20);
    struct pp_peer moved = net.self[7];
    moved.address[15] = 240;
    net.self[7] = moved;
    peerpost_plugin.move(net.node[7], net.now, &moved);
    net_run(&net, 5 * PP_SECOND);
    CU_ASSERT_TRUE(pp_peer_same_endpoint(&net.node[6]->s.at[0].peer, &moved));
    CU_ASSERT_TRUE(pp_peer_same_endpoint(&net.node[8]->p.at[0].peer, &moved));
    net_run(&net, PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

CHECK_MAIN("chord leave", CHECK(test_a_leaver_is_gone_at_once),
           CHECK(test_it_ends_in_time_when_nobody_answers), CHECK(test_a_bad_leave_names_nobody),
           CHECK(test_moving_keeps_the_place))
