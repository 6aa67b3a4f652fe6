/* Founding, joining, one joiner at a time, a taken id, contacts that do not answer. */
#include <check.h>

#include "chord_net.h"

static struct net net;

static void test_a_joiner_has_the_whole_list_before_it_is_active(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 12);
    size_t j = net_add(&net, 0x3000, PP_MEMBER);
    net_meet(&net, j, 0);
    while (!net.node[j]->m.a.active && net.now < 2 * PP_HOUR) {
        net_run(&net, 10 * PP_MS);
    }
    CU_ASSERT_EQUAL(net.node[j]->s.n, 4);
    CU_ASSERT_EQUAL(net.node[j]->p.n, 4);
    CU_ASSERT_EQUAL(net.state[j], PP_ACTIVE);
    net_run(&net, 2 * PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_ipv6_lists_take_two_pages(void)
{
    chord_start(&net, 32, true);
    net_ring(&net, 60);
    size_t j = net_add(&net, 0x3003, PP_MEMBER);
    net_meet(&net, j, 0);
    net_run(&net, 20 * PP_SECOND);
    CU_ASSERT_TRUE(net.node[j]->m.a.active);
    CU_ASSERT_EQUAL(net.node[j]->s.n, 32);
    CU_ASSERT_EQUAL(net.node[j]->p.n, 32);
    net_kill(&net, 7);
    net_run(&net, 4 * PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    CU_ASSERT_EQUAL(net_lookup(&net, 50, 0x1234, 32), PP_OK);
    CU_ASSERT_EQUAL(net.result.n_peers, 32);
    net_end(&net);
}

static void test_one_joiner_at_a_time(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 3);
    struct pp_peer first = net.self[0], second = net.self[0];
    struct pp_writer w;
    pp_put16(first.id.b, 0x4100);
    first.address[15] = 220;
    pp_put16(second.id.b, 0x4200);
    second.address[15] = 221;
    pp_writer_begin(&w, CHORD_JOIN, 0, 1);
    net_inject(&net, &first, 1, &w, PP_ID_PROVED);
    CU_ASSERT_TRUE(pp_id_equal(&net.node[1]->admitted, &first.id));
    net_inject(&net, &second, 1, &w, PP_ID_PROVED);
    CU_ASSERT_TRUE(pp_id_equal(&net.node[1]->admitted, &first.id));
    net_inject(&net, &second, 1, &w, 0); /* without proof it is not even heard */
    net.now += 6 * PP_SECOND;
    net_inject(&net, &second, 1, &w, PP_ID_PROVED);
    CU_ASSERT_TRUE(pp_id_equal(&net.node[1]->admitted, &second.id));
    net_end(&net);
}

static void test_an_id_in_use_is_refused(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 5);
    size_t twin = net_add(&net, pp_get16(net.self[2].id.b), PP_MEMBER);
    net_meet(&net, twin, 0);
    net_run(&net, 30 * PP_SECOND);
    CU_ASSERT_EQUAL(net.state[twin], PP_REFUSED);
    CU_ASSERT_FALSE(net.node[twin]->m.a.active);
    net_end(&net);
}

static void test_nobody_there(void)
{
    chord_start(&net, 4, false);
    size_t gone = net_add(&net, 0x1000, PP_MEMBER), j = net_add(&net, 0x2000, PP_MEMBER);
    net_kill(&net, gone);
    net_meet(&net, j, gone);
    net_run(&net, 30 * PP_SECOND);
    CU_ASSERT_EQUAL(net.state[j], PP_ALONE);
    CU_ASSERT_EQUAL(net_lookup(&net, j, 1, 5), PP_OFFLINE);
    peerpost_plugin.meet(net.node[j], net.now, NULL, 0); /* core: found */
    CU_ASSERT_EQUAL(net.state[j], PP_ACTIVE);
    CU_ASSERT_EQUAL(net_lookup(&net, j, 1, 5), PP_OK);
    CU_ASSERT_EQUAL(net.result.n_peers, 1);
    net_end(&net);
}

CHECK_MAIN("chord join", CHECK(test_a_joiner_has_the_whole_list_before_it_is_active),
           CHECK(test_ipv6_lists_take_two_pages), CHECK(test_one_joiner_at_a_time),
           CHECK(test_an_id_in_use_is_refused), CHECK(test_nobody_there))
