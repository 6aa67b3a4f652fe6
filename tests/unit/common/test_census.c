/* All nodes in the order of their ids. */
#include <check.h>
#include <common/census.h>
#include <stdlib.h>

#include "toy.h"

static void test_order_and_ranges(void)
{
    static const uint8_t numbers[] = {30, 10, 40, 20};
    struct pp_substrate_node nodes[4], *at[4];
    struct pp_census census;
    size_t from, to;
    for (size_t i = 0; i < 4; i++) {
        memset(&nodes[i], 0, sizeof nodes[i]);
        nodes[i].m.a.self = peer_number(numbers[i]);
        at[i] = &nodes[i];
    }
    CHECK_FATAL(pp_census_take(&census, at, 4));
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(pp_census_peer(&census, i)->id.b[0], 10 * (i + 1));
    }
    struct pp_id low = peer_number(11).id, high = peer_number(30).id, past = peer_number(41).id;
    CU_ASSERT_EQUAL(pp_census_lower(&census, &low), 1);
    CU_ASSERT_EQUAL(pp_census_lower(&census, &high), 2);
    CU_ASSERT_EQUAL(pp_census_lower(&census, &past), 4);
    pp_census_range(&census, &low, &high, &from, &to);
    CU_ASSERT_TRUE(from == 1 && to == 3); /* both ends included */
    pp_census_range(&census, &past, &past, &from, &to);
    CU_ASSERT_TRUE(from == 4 && to == 4);
    pp_census_free(&census);
}

#define RING 6

static size_t alone(const struct pp_substrate_node *node, const struct pp_sink *sink)
{
    (void)sink;
    return node->settled; /* breaches by itself */
}

static size_t within(const struct pp_census *ring, size_t at, const struct pp_sink *sink)
{
    struct pp_table t[PP_TABLES_MAX];
    toy_tables(&ring->at[at]->m, t);
    return pp_census_check(ring, at, 1, "up", &t[0], sink) +
           pp_census_check(ring, at, ring->n - 1, "down", &t[1], sink);
}

static void arrange(const struct pp_census *ring, size_t at, pp_ns now)
{
    struct pp_table t[PP_TABLES_MAX];
    toy_tables(&ring->at[at]->m, t);
    pp_census_fill(ring, at, 1, &t[0], now);
    pp_census_fill(ring, at, ring->n - 1, &t[1], now);
}

static void test_a_whole_ring(void)
{
    static const struct pp_sink quiet;
    struct pp_substrate_node nodes[RING], *at[RING];
    for (size_t i = 0; i < RING; i++) {
        memset(&nodes[i], 0, sizeof nodes[i]);
        nodes[i].m.a.self = peer_number((uint8_t)(200 - 10 * i));
        at[i] = &nodes[i];
    }
    CU_ASSERT_EQUAL(pp_census_check_all(at, 1, alone, within, &quiet), 0);
    CU_ASSERT_EQUAL(pp_census_check_all(at, RING, alone, within, &quiet), 2 * RING);
    pp_census_arrange_all(at, RING, PP_SECOND, arrange);
    CU_ASSERT_EQUAL(nodes[0].up.n, 4); /* as many as it may hold */
    CU_ASSERT_TRUE(pp_peerset_first_is(&nodes[0].up, &nodes[RING - 1].m.a.self.id));
    CU_ASSERT_TRUE(pp_peerset_first_is(&nodes[0].down, &nodes[1].m.a.self.id));
    CU_ASSERT_EQUAL(pp_census_check_all(at, RING, alone, within, &quiet), 0);
    nodes[3].settled = 1;
    pp_peerset_remove(&nodes[2].up, 1);
    nodes[4].down.at[0].peer.id.b[5] = 1;
    CU_ASSERT_EQUAL(pp_census_check_all(at, RING, alone, within, &quiet), 3);
    for (size_t i = 0; i < RING; i++) {
        pp_peerset_free(&nodes[i].up);
        pp_peerset_free(&nodes[i].down);
    }
}

CHECK_MAIN("census", CHECK(test_order_and_ranges), CHECK(test_a_whole_ring))
