/* Buckets: filled after joining, refreshed one by one, again after losses. */
#include <check.h>
#include <small_net.h>
#include <substrate-kademlia/kademlia.h>

static struct net net;

static void scatter(size_t n)
{
    const char *const settings[] = {"bucket=2", "siblings=4", "refresh=10min", NULL};
    uint64_t state = 8;
    net_start(&net, settings, false);
    for (size_t i = 0; i < n; i++) {
        struct pp_id id = net_random_id(&state);
        net_add_at(&net, &id, PP_MEMBER);
    }
    net_arrange(&net);
}

static size_t beyond(const struct pp_substrate_node *n)
{
    return n->t.r.table.n - pp_tree_siblings(&n->t);
}

static void test_activation_looks_into_every_bucket(void)
{
    struct pp_cell edge;
    scatter(90);
    struct pp_substrate_node *n = net.node[11];
    while (beyond(n) > 0) {
        pp_peerset_remove(&n->t.r.table, n->t.r.table.n - 1u);
    }
    CHECK_FATAL(pp_tree_edge(&n->t, &edge));
    kademlia_activated(&n->t.r.m, net.now);
    CU_ASSERT_EQUAL(n->t.n_look, edge.row + 1u);
    for (size_t i = 0; i < n->t.n_look; i++) { /* the other half of each prefix of ours */
        unsigned own = pp_id_digit(&n->t.r.m.a.self.id, n->t.look[i].row, 1);
        CU_ASSERT_TRUE(n->t.look[i].row == i && n->t.look[i].digit != own);
    }
    net_run(&net, 30 * PP_SECOND);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

/* Each bucket has its turn once in the period. */
static void test_refresh_goes_round(void)
{
    struct pp_cell edge;
    unsigned turns[PP_ID_BITS] = {0};
    scatter(90);
    struct pp_substrate_node *n = net.node[11];
    CHECK_FATAL(pp_tree_edge(&n->t, &edge));
    for (pp_ns end = net.now + 30 * PP_MINUTE; net.now < end;) {
        uint8_t before = n->bucket;
        net_run(&net, 2 * PP_SECOND);
        turns[n->bucket] += n->bucket != before;
    }
    for (unsigned row = 0; row <= edge.row; row++) {
        CU_ASSERT_TRUE(turns[row] >= 2 && turns[row] <= 4); /* three periods, with jitter */
    }
    CU_ASSERT_EQUAL(turns[edge.row + 1], 0);
    net_end(&net);
}

/* A bucket emptied behind its back is filled by the next refresh at the latest. */
static void test_a_refresh_fills_a_bucket(void)
{
    scatter(90);
    struct pp_substrate_node *n = net.node[11];
    while (beyond(n) > 0) {
        pp_peerset_remove(&n->t.r.table, n->t.r.table.n - 1u);
    }
    CU_ASSERT_TRUE(net_check(&net) > 0);
    net_run(&net, 14 * PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    net_end(&net);
}

static void test_a_small_network_has_no_buckets(void)
{
    scatter(4); /* the siblings are all there are */
    struct pp_substrate_node *n = net.node[1];
    uint64_t before = net.sent[PP_WIRE_FIND];
    kademlia_activated(&n->t.r.m, net.now);
    CU_ASSERT_EQUAL(n->t.n_look, 0);
    CU_ASSERT_TRUE(n->refresh_at < PP_NEVER);
    CU_ASSERT_EQUAL(net.sent[PP_WIRE_FIND], before);
    net_end(&net);
}

/* The fifth node tells the other four, whose four siblings now are not all any more. */
static void test_outgrowing_looks_into_buckets(void)
{
    scatter(4);
    struct pp_substrate_node *n = net.node[0];
    CU_ASSERT_EQUAL(n->t.n_look, 0);
    for (uint8_t i = 0; i < 2; i++) {
        struct pp_peer peer = net.self[1];
        peer.id.b[0] ^= (uint8_t)(0x40 << i);
        peer.udp = (uint16_t)(5000 + i);
        pp_roster_learn(&n->t.r.m, net.now, &peer, 0);
    }
    CU_ASSERT_TRUE(n->t.n_look > 0);
    net_end(&net);
}

static void test_deadlines(void)
{
    scatter(90);
    struct pp_substrate_node *n = net.node[11];
    CU_ASSERT_TRUE(kademlia_next(&n->t.r.m) <= n->refresh_at);
    n->t.upkeep_at = n->t.look_at = n->t.r.ask_at = PP_NEVER;
    CU_ASSERT_EQUAL(kademlia_next(&n->t.r.m), n->refresh_at);
    n->t.r.m.phase = PP_PHASE_LEAVING;
    CU_ASSERT_EQUAL(kademlia_next(&n->t.r.m), PP_NEVER);
    net_end(&net);
}

CHECK_MAIN("kademlia refresh", CHECK(test_activation_looks_into_every_bucket),
           CHECK(test_refresh_goes_round), CHECK(test_a_refresh_fills_a_bucket),
           CHECK(test_a_small_network_has_no_buckets), CHECK(test_outgrowing_looks_into_buckets),
           CHECK(test_deadlines))
