/* The checker finds each breach, and tables set up at once have none. */
#include <check.h>

#include "pastry_net.h"

static struct net net;
static char lines[4000];

static void keep(void *ctx, const char *line)
{
    (void)ctx;
    size_t len = strlen(lines);
    snprintf(lines + len, sizeof lines - len, "%s\n", line);
}

static const struct pp_sink sink = {keep, NULL};

/* Breaches of the whole network, one of which says this. */
static size_t breaches(const char *words)
{
    lines[0] = '\0';
    size_t bad = pastry_check(net.node, net.n, &sink);
    CU_ASSERT_TRUE(!words || strstr(lines, words) != NULL);
    return bad;
}

static void test_arranged_tables_are_sound(void)
{
    static const unsigned bits[] = {1, 2, 4, 8};
    for (size_t i = 0; i < 4; i++) {
        for (size_t n = 1; n < 120; n = 3 * n + 1) {
            pastry_start(&net, bits[i], 8);
            net_ring(&net, n);
            CU_ASSERT_EQUAL(breaches(NULL), 0);
            net_end(&net);
        }
    }
}

static void test_each_breach_is_told(void)
{
    struct pp_entry saved;
    pastry_start(&net, 4, 8);
    net_ring(&net, 60);
    struct pp_substrate_node *n = net.node[30];
    struct pp_peerset *t = &n->r.table;
    struct pp_order order = pp_roster_order(&n->r);

    saved = t->at[1];
    pp_peerset_remove(t, 1);
    CU_ASSERT_TRUE(breaches("leaf 1 clockwise should be") >= 1);
    pp_peerset_insert(t, &order, UINT16_MAX, &saved);

    saved = t->at[t->n - 1];
    pp_peerset_remove(t, t->n - 1u);
    CU_ASSERT_TRUE(breaches("leaf 0 counter-clockwise should be") >= 1);
    pp_peerset_insert(t, &order, UINT16_MAX, &saved);

    size_t middle = 6;
    saved = t->at[middle];
    pp_peerset_remove(t, middle);
    CU_ASSERT_EQUAL(breaches("is empty"), 1);
    pp_peerset_insert(t, &order, UINT16_MAX, &saved);

    saved = t->at[middle];
    t->at[middle] = t->at[middle + 1];
    CU_ASSERT_TRUE(breaches("out of order") >= 1);
    t->at[middle] = saved;

    struct pp_entry twin = saved;
    twin.peer.id.b[10] ^= 1;
    pp_peerset_insert(t, &order, UINT16_MAX, &twin);
    CU_ASSERT_EQUAL(breaches("two stand in row"), 1);
    pastry_trim(n);
    CU_ASSERT_EQUAL(breaches(NULL), 0);
    net_end(&net);
}

static void test_snapshot(void)
{
    pastry_start(&net, 4, 8);
    net_ring(&net, 20);
    lines[0] = '\0';
    pastry_snapshot(net.node[3], &sink);
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "8 of them leaves"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "peer 0 "));
    net_end(&net);
}

CHECK_MAIN("pastry check", CHECK(test_arranged_tables_are_sound), CHECK(test_each_breach_is_told),
           CHECK(test_snapshot))
