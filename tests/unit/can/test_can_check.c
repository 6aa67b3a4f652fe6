/* The checker finds each breach, and the tables can be read. */
#include <check.h>

#include "can_net.h"

#include <stdio.h>

static struct net net;
static char lines[20000];

static void keep(void *ctx, const char *line)
{
    (void)ctx;
    size_t len = strlen(lines);
    snprintf(lines + len, sizeof lines - len, "%s\n", line);
}

static const struct pp_sink sink = {keep, NULL};

/* One of the breaches says this. */
static bool told(const char *words)
{
    lines[0] = '\0';
    return can_check(net.node, net.n, &sink) > 0 && strstr(lines, words) != NULL;
}

static void test_each_breach_is_told(void)
{
    can_start(&net, NULL);
    net_ring(&net, 30);
    struct pp_substrate_node *n = net.node[11];
    struct can_zone home = n->zones.at[0];
    CU_ASSERT_EQUAL(can_check(net.node, net.n, &sink), 0);

    n->zones.at[0] = can_half(home, 0);
    CU_ASSERT_TRUE(told("of the space"));
    CU_ASSERT_TRUE(told("is gone or has other zones"));
    n->zones.at[0] = home;

    n->zones.at[0].hold = CAN_WARD;
    CU_ASSERT_TRUE(told("is the home, or the first is not"));
    n->zones.at[0].hold = CAN_HOME;

    can_zones_add(&n->zones, can_half(home, 1));
    CU_ASSERT_TRUE(told("own zones 0 and 1 overlap"));
    can_zones_remove(&n->zones, 1);

    struct can_zone its = n->facts[0].zones.at[0];
    n->facts[0].zones.at[0] = can_half(its, can_abut(&n->net->space, home, can_half(its, 0)));
    CU_ASSERT_TRUE(told("knows nobody in") || told("has no business in the table"));
    n->facts[0].zones.at[0] = its;

    CU_ASSERT_EQUAL(can_check(net.node, net.n, &sink), 0);
    struct pp_peer gone = n->near.at[0].peer;
    can_forget(&n->m, net.now, &gone.id);
    CU_ASSERT_TRUE(told("knows nobody in"));
    net_end(&net);
}

static void test_snapshot(void)
{
    can_start(&net, NULL);
    net_ring(&net, 8);
    lines[0] = '\0';
    can_snapshot(net.node[3], &sink);
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "member, 1 zones"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "own home "));
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "neighbour 0 home "));
    net_end(&net);
}

CHECK_MAIN("can check", CHECK(test_each_breach_is_told), CHECK(test_snapshot))
