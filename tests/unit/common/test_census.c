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

CHECK_MAIN("census", CHECK(test_order_and_ranges))
