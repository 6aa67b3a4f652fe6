/* Tables set up at once are as the protocol leaves them: exact, told of two steps far, even. */
#include <check.h>

#include "can_net.h"

static struct net net;

static void ring_of(size_t n, const char *dimensions, const char *uniform)
{
    const char *const settings[] = {dimensions, uniform, NULL};
    uint64_t state = 7;
    net_start(&net, settings, false);
    for (size_t i = 0; i < n; i++) {
        struct pp_id id = net_random_id(&state);
        net_add_at(&net, &id, PP_MEMBER);
    }
    net_arrange(&net);
}

static void test_tables_are_exact(void)
{
    static const char *const dimensions[] = {"dimensions=2", "dimensions=3", "dimensions=4",
                                             "dimensions=10"};
    for (size_t i = 0; i < 4; i++) {
        for (size_t n = 1; n < NET_NODES; n = 2 * n + 1) {
            ring_of(n, dimensions[i], n % 3 ? "uniform=on" : "uniform=off");
            CU_ASSERT_EQUAL(net_check(&net), 0);
            net_run(&net, PP_MINUTE);
            CU_ASSERT_EQUAL(net_check(&net), 0);
            net_end(&net);
        }
    }
}

/* Everybody has been told who stands round each neighbour. */
static void test_lists_are_those_of_the_neighbours(void)
{
    ring_of(60, "dimensions=2", "uniform=on");
    for (size_t i = 0; i < net.n; i++) {
        const struct pp_substrate_node *n = net.node[i];
        for (size_t j = 0; j < n->near.n; j++) {
            size_t other = 0;
            while (!pp_id_equal(&net.self[other].id, &n->near.at[j].peer.id)) {
                other++;
            }
            CU_ASSERT_EQUAL(n->facts[j].n_list, net.node[other]->near.n);
            CU_ASSERT_EQUAL(n->facts[j].listed, can_digest(net.node[other]));
            CU_ASSERT_EQUAL(n->facts[j].told, n->facts[j].listed);
        }
    }
    net_end(&net);
}

/* Zones are nearly even when joiners are referred, and are not when they are not. */
static void test_uniform(void)
{
    unsigned spread[2];
    for (size_t i = 0; i < 2; i++) {
        uint8_t least = CAN_DEPTH_MAX, most = 0;
        ring_of(120, "dimensions=2", i ? "uniform=on" : "uniform=off");
        for (size_t j = 0; j < net.n; j++) {
            uint8_t depth = net.node[j]->zones.at[0].depth;
            least = depth < least ? depth : least;
            most = depth > most ? depth : most;
        }
        spread[i] = (unsigned)(most - least);
        net_end(&net);
    }
    CU_ASSERT_TRUE(spread[1] <= 2);
    CU_ASSERT_TRUE(spread[0] > spread[1]);
}

CHECK_MAIN("can arrange", CHECK(test_tables_are_exact),
           CHECK(test_lists_are_those_of_the_neighbours), CHECK(test_uniform))
