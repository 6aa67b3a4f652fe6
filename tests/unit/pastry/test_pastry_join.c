/* Entering: both neighbours must grant it, one joiner a gap; two that come together both get in. */
#include <check.h>

#include "pastry_net.h"

static struct net net;

/* The verdict of a node on a JOIN, and the number of peers it named; -1: no answer. */
static int ask(size_t node, uint16_t joiner, enum pastry_side side, uint32_t facts, size_t *named)
{
    struct pp_peer from = pastry_peer(joiner);
    struct pp_writer w;
    struct pastry_joined joined;
    struct pp_header header;
    uint64_t before = net.sent[PASTRY_JOIN | PP_WIRE_REPLY];
    pp_writer_begin(&w, PASTRY_JOIN, 0, 0x77);
    pastry_write_join(&w, side);
    from.udp = 4701; /* nobody is there: the answer is kept in no queue .. */
    net.self[net.n] = from;
    net.n++; /* .. unless somebody is */
    net_inject(&net, &from, node, &w, facts);
    net.n--;
    if (net.sent[PASTRY_JOIN | PP_WIRE_REPLY] == before) {
        return -1;
    }
    const struct flight *f = pastry_flight(&net, PASTRY_JOIN | PP_WIRE_REPLY);
    struct pp_reader r = pp_reader(pp_bytes(f->octets, f->len));
    CHECK_FATAL(pp_read_header(&r, &header) == PP_OK && header.id == 0x77);
    CHECK_FATAL(pastry_read_joined(&r, &joined) == PP_OK);
    *named = joined.page.n;
    return (int)joined.verdict;
}

/* Nodes 0x1000, 0x2000, 0x3000, 0x4000. */
static void four(void)
{
    pastry_start(&net, 4, 4);
    for (uint16_t i = 1; i <= 4; i++) {
        net_add(&net, (uint16_t)(i << 12), PP_MEMBER);
    }
    net_arrange(&net);
}

static void test_one_joiner_a_gap(void)
{
    size_t named;
    four();
    CU_ASSERT_EQUAL(ask(1, 0x2500, PASTRY_LEFT, PP_ID_PROVED, &named), PASTRY_GRANT);
    CU_ASSERT_TRUE(named > 0);
    CU_ASSERT_EQUAL(ask(1, 0x2500, PASTRY_LEFT, PP_ID_PROVED, &named), PASTRY_GRANT); /* again */
    CU_ASSERT_EQUAL(ask(1, 0x2600, PASTRY_LEFT, PP_ID_PROVED, &named), PASTRY_WAIT);
    CU_ASSERT_EQUAL(ask(1, 0x1800, PASTRY_RIGHT, PP_ID_PROVED, &named), PASTRY_GRANT);
    net.now += 11 * PP_SECOND; /* it did not come */
    CU_ASSERT_EQUAL(ask(1, 0x2600, PASTRY_LEFT, PP_ID_PROVED, &named), PASTRY_GRANT);
    struct pp_peer in = pastry_peer(0x2600);
    net.node[1]->r.m.ops->learn(&net.node[1]->r.m, net.now, &in, 0);
    CU_ASSERT_EQUAL(ask(1, 0x2500, PASTRY_LEFT, PP_ID_PROVED, &named), PASTRY_GRANT); /* it is in */
    net_end(&net);
}

static void test_only_a_neighbour_grants(void)
{
    size_t named;
    four();
    CU_ASSERT_EQUAL(ask(1, 0x3500, PASTRY_LEFT, PP_ID_PROVED, &named), PASTRY_REFERRED);
    CU_ASSERT_TRUE(named >= 3);
    CU_ASSERT_EQUAL(ask(1, 0x0500, PASTRY_RIGHT, PP_ID_PROVED, &named), PASTRY_REFERRED);
    CU_ASSERT_EQUAL(ask(3, 0x0500, PASTRY_LEFT, PP_ID_PROVED, &named), PASTRY_GRANT); /* round 0 */
    CU_ASSERT_EQUAL(ask(0, 0x0500, PASTRY_RIGHT, PP_ID_PROVED, &named), PASTRY_GRANT);
    CU_ASSERT_EQUAL(ask(1, 0x2800, PASTRY_LEFT, 0, &named), -1); /* who says so? */
    net.node[1]->r.m.a.active = false;
    CU_ASSERT_EQUAL(ask(1, 0x2800, PASTRY_LEFT, PP_ID_PROVED, &named), -1);
    net_end(&net);
}

static size_t silent_node;

static bool lose_joins_there(const struct flight *f)
{
    return f->octets[0] == PASTRY_JOIN && f->to == silent_node;
}

/* One grant is not enough: while the right neighbour does not answer, it is no member. */
static void test_both_must_grant(void)
{
    four();
    silent_node = 2;
    net.lose = lose_joins_there;
    size_t joiner = net_add(&net, 0x2800, PP_MEMBER);
    net_meet(&net, joiner, 0);
    net_run(&net, 4 * PP_SECOND);
    CU_ASSERT_TRUE(net.sent[PASTRY_JOIN | PP_WIRE_REPLY] > 0); /* the left one has granted */
    CU_ASSERT_FALSE(net.node[joiner]->r.m.a.active);
    net.lose = NULL;
    net_run(&net, PP_MINUTE);
    CU_ASSERT_TRUE(net.node[joiner]->r.m.a.active);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

/* Twelve come into one gap at once, by different contacts: all get in, and each knows the others
 * beside it from the first second on. */
static void test_all_into_one_gap(void)
{
    four();
    for (uint16_t i = 0; i < 12; i++) {
        size_t joiner = net_add(&net, (uint16_t)(0x2100 + 0x100 * i), PP_MEMBER);
        net_meet(&net, joiner, i % 4u);
    }
    for (int second = 0; second < 90; second++) {
        net_run(&net, PP_SECOND);
        for (size_t i = 0; i < net.n; i++) { /* no two active ones both think a key theirs */
            struct pp_id key = net.self[i].id;
            size_t roots = 0;
            for (size_t j = 0; j < net.n; j++) {
                roots += net.node[j]->r.m.a.active &&
                         pastry_covers(net.node[j], &key, 1) == PP_COVERS_YES;
            }
            CU_ASSERT_TRUE(roots <= 1);
        }
    }
    for (size_t i = 0; i < net.n; i++) {
        CU_ASSERT_TRUE(net.node[i]->r.m.a.active);
    }
    net_run(&net, 5 * PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

/* The second node of a network has one neighbour on both sides. */
static void test_the_second_node(void)
{
    pastry_lone(&net, 4, 4, 0x5000);
    size_t joiner = net_add(&net, 0x1000, PP_MEMBER);
    net_meet(&net, joiner, 0);
    net_run(&net, 5 * PP_SECOND);
    CU_ASSERT_TRUE(net.node[joiner]->r.m.a.active);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

CHECK_MAIN("pastry join", CHECK(test_one_joiner_a_gap), CHECK(test_only_a_neighbour_grants),
           CHECK(test_both_must_grant), CHECK(test_all_into_one_gap), CHECK(test_the_second_node))
