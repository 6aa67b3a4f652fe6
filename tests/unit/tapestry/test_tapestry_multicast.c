/* The multicast of a joiner: reaches all who share the prefix, once each; its acknowledgement comes
 * after all below; nobody can set it on a third party. */
#include <check.h>

#include "tapestry_net.h"

static struct net net;

/* 0x10.. to 0x1f.. and 0x50.., 0x90.., 0xd0..: nodes of one first digit and others. */
static void sixteen_and_three(void)
{
    tapestry_start(&net, 4, 0, 2);
    for (uint16_t i = 0; i < 16; i++) {
        net_add(&net, (uint16_t)(0x1000 | i << 8), PP_MEMBER);
    }
    net_add(&net, 0x5000, PP_MEMBER);
    net_add(&net, 0x9000, PP_MEMBER);
    net_add(&net, 0xd000, PP_MEMBER);
    net_arrange(&net);
}

/* As if `from` passed a JOIN of the joiner on. */
static void join(size_t node, const struct pp_peer *from, unsigned level,
                 const struct pp_peer *joiner, uint64_t id, uint32_t facts)
{
    struct pp_writer w;
    bool itself = pp_id_equal(&from->id, &joiner->id); /* then it is no member yet */
    pp_writer_begin(&w, TAPESTRY_JOIN, (uint8_t)(itself ? 0 : PP_WIRE_ACTIVE), id);
    pp_write8(&w, (uint8_t)level);
    pp_write_peer(&w, joiner);
    net_inject(&net, from, node, &w, facts);
}

static bool pins(size_t node, const struct pp_id *id)
{
    const struct pp_substrate_node *n = net.node[node];
    for (size_t i = 0; n->pins && i < TAPESTRY_PINS; i++) {
        if (n->pins[i].until && pp_id_equal(&n->pins[i].peer.id, id)) {
            return true;
        }
    }
    return false;
}

static uint64_t joins(void)
{
    return net.sent[TAPESTRY_JOIN];
}

/* A joiner whose hole all of 0x1... have: in 0x2.. nobody lives, so its root shares no digit, and
 * everybody is reached, by one datagram each. */
static void test_everybody_is_reached_once(void)
{
    sixteen_and_three();
    struct pp_id id = {{0x20}};
    struct pp_peer joiner = tapestry_nobody(&id, 1);
    join(16, &joiner, 0, &joiner, 1, PP_ID_PROVED);
    net_run(&net, PP_SECOND);
    for (size_t i = 0; i < net.n; i++) {
        CU_ASSERT_TRUE(pins(i, &id));
    }
    CU_ASSERT_EQUAL(joins(), net.n - 1);
    CU_ASSERT_EQUAL(net.sent[TAPESTRY_JOIN | PP_WIRE_REPLY], net.n); /* each tells whom it asked */
    net_end(&net);
}

/* A joiner under a prefix concerns only those who share it. */
static void test_only_the_prefix_is_reached(void)
{
    sixteen_and_three();
    struct pp_id id = {{0x13, 0x80}}; /* 0x1300.. lives: its second row lacks the digit 8 */
    struct pp_peer joiner = tapestry_nobody(&id, 1);
    join(3, &joiner, 2, &joiner, 1, PP_ID_PROVED);
    net_run(&net, PP_SECOND);
    CU_ASSERT_TRUE(pins(3, &id));
    for (size_t i = 0; i < net.n; i++) {
        CU_ASSERT_TRUE(i == 3 || !pins(i, &id));
    }
    CU_ASSERT_EQUAL(joins(), 0);
    net_end(&net);
}

/* The root answers when all below it have: not while one of them is silent. */
static void test_the_acknowledgement_waits_for_all(void)
{
    sixteen_and_three();
    struct pp_id id = {{0x20}};
    struct pp_peer joiner = tapestry_nobody(&id, 1);
    net.self[net.n++] = joiner; /* an ear for the answer */
    net_kill(&net, 18);
    join(16, &joiner, 0, &joiner, 1, PP_ID_PROVED);
    net_run(&net, PP_SECOND);
    CU_ASSERT_PTR_NULL(tapestry_flight(&net, TAPESTRY_JOIN | PP_WIRE_REPLY));
    const struct tapestry_cast *cast = net.node[16]->casts;
    CU_ASSERT_EQUAL(cast->waiting, 1);
    net_run(&net, 10 * PP_SECOND); /* it is dead: then that was all */
    CU_ASSERT_EQUAL(cast->waiting, 0);
    net.n--;
    net_end(&net);
}

static void test_a_repeated_join_is_answered_again_and_not_cast_again(void)
{
    sixteen_and_three();
    struct pp_id id = {{0x20}};
    struct pp_peer joiner = tapestry_nobody(&id, 1);
    join(16, &joiner, 0, &joiner, 1, PP_ID_PROVED);
    net_run(&net, PP_SECOND);
    uint64_t cast = joins(), answers = net.sent[TAPESTRY_JOIN | PP_WIRE_REPLY];
    join(16, &joiner, 0, &joiner, 1, PP_ID_PROVED);
    net_run(&net, PP_SECOND);
    CU_ASSERT_EQUAL(joins(), cast);
    CU_ASSERT_EQUAL(net.sent[TAPESTRY_JOIN | PP_WIRE_REPLY], answers + 1);
    net_end(&net);
}

/* Whoever knows a node that fills the place passes nothing on. */
static void test_no_hole_no_multicast(void)
{
    sixteen_and_three();
    struct pp_id id = {{0x52}}; /* 0x50.. fills that cell of everybody else's table */
    struct pp_peer joiner = tapestry_nobody(&id, 1);
    join(17, &net.self[16], 0, &joiner, 1, PP_ID_PROVED);
    net_run(&net, PP_SECOND);
    CU_ASSERT_EQUAL(joins(), 0);
    CU_ASSERT_EQUAL(net.sent[TAPESTRY_JOIN | PP_WIRE_REPLY], 1);
    net_end(&net);
}

static void test_hostile_joins(void)
{
    sixteen_and_three();
    struct pp_id id = {{0x20}};
    struct pp_peer joiner = tapestry_nobody(&id, 1), self = net.self[16], odd = joiner;
    join(16, &joiner, 0, &joiner, 1, 0);                  /* not proved */
    join(16, &net.self[3], 41, &joiner, 2, PP_ID_PROVED); /* beyond all levels */
    join(16, &net.self[3], 255, &joiner, 3, PP_ID_PROVED);
    join(16, &net.self[3], 0, &self, 4, PP_ID_PROVED); /* ourselves */
    memset(odd.address + 12, 0xff, 4);                 /* everybody on the wire */
    join(16, &net.self[3], 0, &odd, 5, PP_ID_PROVED);
    struct pp_id near = {{0x5f}}; /* shares a digit with 0x50..: we are not its level 0 */
    struct pp_peer wrong = tapestry_nobody(&near, 2);
    join(16, &net.self[3], 0, &wrong, 6, PP_ID_PROVED);
    CU_ASSERT_EQUAL(joins(), 0);
    CU_ASSERT_EQUAL(net.sent[TAPESTRY_JOIN | PP_WIRE_REPLY], 0);
    CU_ASSERT_PTR_NULL(net.node[16]->pins);
    net.node[16]->t.r.m.a.active = false;
    join(16, &joiner, 0, &joiner, 7, PP_ID_PROVED);
    CU_ASSERT_EQUAL(joins(), 0);
    net_end(&net);
}

/* Many at once: one that goes on is not given up for another. */
static void test_there_are_never_too_many(void)
{
    sixteen_and_three();
    net_kill(&net, 18); /* so that none ends soon */
    for (unsigned i = 0; i < TAPESTRY_CASTS + 5; i++) {
        struct pp_id id = {{0x20, (uint8_t)i}};
        struct pp_peer joiner = tapestry_nobody(&id, (uint8_t)i);
        join(16, &joiner, 0, &joiner, i + 1, PP_ID_PROVED);
    }
    size_t going = 0;
    for (size_t i = 0; i < TAPESTRY_CASTS; i++) {
        going += net.node[16]->casts[i].request.id <= TAPESTRY_CASTS;
    }
    CU_ASSERT_EQUAL(going, TAPESTRY_CASTS);
    net_end(&net);
}

/* Who has joined just before is named in the acknowledgement. */
static void test_others_on_their_way_are_named(void)
{
    struct pp_id one = {{0x13, 0x80}}, two = {{0x13, 0x90}};
    struct pp_peer first = tapestry_nobody(&one, 1), second = tapestry_nobody(&two, 2);
    struct pp_header header;
    struct pp_page page;
    sixteen_and_three();
    join(3, &first, 2, &first, 1, PP_ID_PROVED);
    net.self[net.n++] = second; /* an ear for the answer */
    join(3, &second, 2, &second, 2, PP_ID_PROVED);
    net.n--;
    const struct flight *f = tapestry_flight(&net, TAPESTRY_JOIN | PP_WIRE_REPLY);
    CHECK_FATAL(f != NULL);
    struct pp_reader r = pp_reader(pp_bytes(f->octets, f->len));
    CHECK_FATAL(pp_read_header(&r, &header) == PP_OK && header.id == 2);
    pp_read_page(&r, &page, 0);
    CU_ASSERT_TRUE(pp_read_done(&r) && pp_page_has(&page, &one) && !pp_page_has(&page, &two));
    net_end(&net);
}

/* Two that join into one hole at the same moment hear of each other. */
static void test_two_into_one_hole(void)
{
    sixteen_and_three();
    size_t a = net_add(&net, 0x2100, PP_MEMBER), b = net_add(&net, 0x2200, PP_MEMBER);
    net_meet(&net, a, 2);
    net_meet(&net, b, 9);
    net_run(&net, 30 * PP_SECOND);
    CU_ASSERT_TRUE(net.node[a]->t.r.m.a.active && net.node[b]->t.r.m.a.active);
    CU_ASSERT_PTR_NOT_NULL(pp_roster_entry(&net.node[a]->t.r.m, &net.self[b].id));
    CU_ASSERT_PTR_NOT_NULL(pp_roster_entry(&net.node[b]->t.r.m, &net.self[a].id));
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

CHECK_MAIN("tapestry multicast", CHECK(test_everybody_is_reached_once),
           CHECK(test_only_the_prefix_is_reached), CHECK(test_the_acknowledgement_waits_for_all),
           CHECK(test_a_repeated_join_is_answered_again_and_not_cast_again),
           CHECK(test_no_hole_no_multicast), CHECK(test_hostile_joins),
           CHECK(test_there_are_never_too_many), CHECK(test_others_on_their_way_are_named),
           CHECK(test_two_into_one_hole))
