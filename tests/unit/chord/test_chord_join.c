/* Founding, joining, one joiner at a time, a taken id, contacts that do not answer. */
#include <check.h>

#include "chord_net.h"

#include <common/find.h>

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

/* A JOIN to a node that is not the joiner's successor is referred one step back. */
static void test_only_the_successor_lets_in(void)
{
    struct pp_header header;
    struct pp_writer w;
    struct pp_page page;
    uint8_t verdict;
    chord_start(&net, 4, false);
    net_ring(&net, 30);
    struct pp_peer joiner = net.self[29];
    joiner.id = net.self[10].id;
    joiner.id.b[19] = 2; /* its successor is node 11 */
    for (size_t node = 11; node < 14; node++) {
        pp_writer_begin(&w, CHORD_JOIN, 0, node);
        net_inject(&net, &joiner, node, &w, PP_ID_PROVED);
        const struct flight *f = &net.flights[net.n_flights - 1];
        struct pp_reader r = pp_reader(pp_bytes(f->octets, f->len));
        CHECK_FATAL(pp_read_header(&r, &header) == PP_OK && header.id == node);
        CHECK_FATAL(pp_read_list(&r, &verdict, &page, 0) == PP_OK);
        CU_ASSERT_EQUAL(verdict, node == 11 ? CHORD_GRANT : CHORD_REFERRED);
        if (node > 11) {
            CHECK_FATAL(page.n == 1);
            CU_ASSERT_TRUE(pp_id_equal(&page.peers[0].id, &net.self[node - 1].id));
        }
    }
    net_end(&net);
}

/* While it asks to be let in, no end of pings makes it a member: it has no list yet. */
static void test_a_whole_list_comes_first(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 30);
    struct pp_substrate_node *n = net.node[7];
    n->m.a.active = false;
    n->m.phase = PP_PHASE_ENTER;
    n->step = CHORD_ASKING;
    chord_settled(&n->m, net.now);
    CU_ASSERT_FALSE(n->m.a.active);
    n->step = CHORD_LEARNING;
    chord_settled(&n->m, net.now);
    CU_ASSERT_TRUE(n->m.a.active);
    net_end(&net);
}

CHECK_MAIN("chord join", CHECK(test_a_joiner_has_the_whole_list_before_it_is_active),
           CHECK(test_ipv6_lists_take_two_pages), CHECK(test_one_joiner_at_a_time),
           CHECK(test_an_id_in_use_is_refused), CHECK(test_nobody_there),
           CHECK(test_only_the_successor_lets_in), CHECK(test_a_whole_list_comes_first))
