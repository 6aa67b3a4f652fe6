/* Pinned joiners: pinged until they are active, or their time is over. */
#include <check.h>

#include "tapestry_net.h"

static struct net net;

static struct pp_peer joiner(uint8_t number)
{
    struct pp_id id = {{0x40, number}};
    return tapestry_nobody(&id, number);
}

static struct pp_substrate_node *start(void)
{
    tapestry_scatter(&net, 4, 1, 4, 10);
    memset(net.sent, 0, sizeof net.sent);
    return net.node[3];
}

static void test_a_pin_lasts_a_minute(void)
{
    struct pp_substrate_node *n = start();
    struct pp_peer peer = joiner(1), pinned[TAPESTRY_PINS];
    struct pp_id none = {{0}};
    tapestry_pin(n, net.now, &peer);
    CU_ASSERT_EQUAL(net.sent[PP_WIRE_PING], 1); /* at once */
    CU_ASSERT_TRUE(n->pins_at <= net.now + 3 * PP_SECOND);
    CU_ASSERT_EQUAL(tapestry_pinned(n, &none, pinned), 1);
    CU_ASSERT_EQUAL(tapestry_pinned(n, &peer.id, pinned), 0); /* not to itself */
    tapestry_pin(n, net.now, &peer);
    CU_ASSERT_EQUAL(tapestry_pinned(n, &none, pinned), 1); /* once */
    pp_ns end = net.now + PP_MINUTE;
    tapestry_ping_pinned(n, end - PP_SECOND);
    CU_ASSERT_EQUAL(tapestry_pinned(n, &none, pinned), 1);
    tapestry_ping_pinned(n, end);
    CU_ASSERT_EQUAL(tapestry_pinned(n, &none, pinned), 0);
    CU_ASSERT_PTR_NULL(n->pins); /* no room is kept for nobody */
    CU_ASSERT_EQUAL(n->pins_at, PP_NEVER);
    net_end(&net);
}

static void test_who_is_active_is_pinned_no_more(void)
{
    struct pp_substrate_node *n = start();
    struct pp_peer one = joiner(1), two = joiner(2), pinned[TAPESTRY_PINS];
    struct pp_id none = {{0}};
    tapestry_pin(n, net.now, &one);
    tapestry_pin(n, net.now, &two);
    tapestry_learn(&n->t.r.m, net.now, &one, 0);
    CU_ASSERT_EQUAL(tapestry_pinned(n, &none, pinned), 1);
    CU_ASSERT_TRUE(pp_id_equal(&pinned[0].id, &two.id));
    CU_ASSERT_PTR_NOT_NULL(pp_roster_entry(&n->t.r.m, &one.id));
    net_end(&net);
}

/* The one whose time ends first gives way. */
static void test_there_are_never_too_many(void)
{
    struct pp_substrate_node *n = start();
    struct pp_peer pinned[TAPESTRY_PINS];
    struct pp_id none = {{0}};
    for (uint8_t i = 0; i < TAPESTRY_PINS + 3; i++) {
        struct pp_peer peer = joiner(i);
        tapestry_pin(n, net.now + i * PP_SECOND, &peer);
    }
    CU_ASSERT_EQUAL(tapestry_pinned(n, &none, pinned), TAPESTRY_PINS);
    for (size_t i = 0; i < TAPESTRY_PINS; i++) {
        CU_ASSERT_TRUE(pinned[i].id.b[1] >= 3);
    }
    net_end(&net);
}

/* It keeps asking while the joiner is on its way, and not twice at a time. */
static void test_pings(void)
{
    struct pp_substrate_node *n = start();
    struct pp_peer peer = joiner(1);
    tapestry_pin(n, net.now, &peer);
    tapestry_ping_pinned(n, net.now + 2 * PP_SECOND);
    CU_ASSERT_EQUAL(net.sent[PP_WIRE_PING], 1); /* not yet due */
    tapestry_ping_pinned(n, net.now + 3 * PP_SECOND);
    CU_ASSERT_EQUAL(net.sent[PP_WIRE_PING], 1); /* one is still out */
    pp_rpc_cancel(&n->t.r.m.a, &n->t.r.m);
    tapestry_ping_pinned(n, net.now + 6 * PP_SECOND);
    CU_ASSERT_EQUAL(net.sent[PP_WIRE_PING], 2);
    net_end(&net);
}

CHECK_MAIN("tapestry pins", CHECK(test_a_pin_lasts_a_minute),
           CHECK(test_who_is_active_is_pinned_no_more), CHECK(test_there_are_never_too_many),
           CHECK(test_pings))
