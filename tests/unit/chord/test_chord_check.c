/* The checker itself: an ideal ring passes, and each kind of damage is seen. */
#include <check.h>
#include <stdio.h>

#include "chord_net.h"

static struct net net;
static char lines[16384];

static void take(void *ctx, const char *text)
{
    (void)ctx;
    size_t used = strlen(lines);
    snprintf(lines + used, sizeof lines - used, "%s\n", text);
}

static size_t check_all(const char *words)
{
    struct pp_substrate_node *all[NET_NODES];
    const struct pp_sink sink = {take, NULL};
    lines[0] = '\0';
    memcpy(all, net.node, sizeof all);
    size_t bad = peerpost_plugin.check(all, net.n, &sink);
    CU_ASSERT_TRUE(!words || strstr(lines, words));
    return bad;
}

static void test_an_ideal_ring_passes(void)
{
    for (size_t n = 1; n <= 40; n += 3) {
        chord_start(&net, 4, false);
        net_ring(&net, n);
        CU_ASSERT_EQUAL(check_all(NULL), 0);
        net_end(&net);
    }
}

static void test_damage_is_seen(void)
{
    chord_start(&net, 4, false);
    net_ring(&net, 40);
    struct pp_substrate_node *n = net.node[8];
    struct pp_entry kept = n->s.at[1];
    pp_peerset_remove(&n->s, 1);
    CU_ASSERT_TRUE(check_all("3 successors, should be 4") > 0);
    n->s.at[n->s.n++] = kept;
    CU_ASSERT_TRUE(check_all("out of order") > 0);
    chord_arrange(net.node, net.n, net.now);
    CU_ASSERT_EQUAL(check_all(NULL), 0);
    pp_peerset_remove(&n->p, 0);
    CU_ASSERT_TRUE(check_all("predecessors, should be") > 0);
    chord_arrange(net.node, net.n, net.now);
    pp_peerset_remove(&n->f, n->f.n - 1u);
    CU_ASSERT_TRUE(check_all("finger 159") > 0);
    chord_arrange(net.node, net.n, net.now);
    for (size_t i = 0; i < net.n; i++) { /* every list skips most others */
        struct pp_entry far = pp_entry_now(&net.self[(i + 20) % net.n], net.now);
        pp_peerset_free(&net.node[i]->s);
        struct pp_order order = chord_clockwise(net.node[i]);
        pp_peerset_insert(&net.node[i]->s, &order, 4, &far);
    }
    CU_ASSERT_TRUE(check_all("principals, should have 5") > 0);
    net_end(&net);
}

static void test_the_snapshot_reads_well(void)
{
    const struct pp_sink sink = {take, NULL};
    chord_start(&net, 4, false);
    net_ring(&net, 40);
    lines[0] = '\0';
    chord_snapshot(net.node[3], &sink);
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "member, 4 successors, 4 predecessors"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "successor 0 "));
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "10.0.0.5 4700"));
    net_end(&net);
}

CHECK_MAIN("chord check", CHECK(test_an_ideal_ring_passes), CHECK(test_damage_is_seen),
           CHECK(test_the_snapshot_reads_well))
