/*
 * How far look-ups go in arranged networks. With the defaults: at 10,000 nodes what each design
 * promises. With the parameters of a publication or of its exact recomputation: within 5 % of it.
 * Chord: mean path to the predecessor of Stoica et al. 2001, section 6.3, without successor lists:
 * 5.84 at 4,096 nodes; 2003, table II: 3.81 at 1,000 nodes with lists of 20, which counts the last
 * step, from the predecessor that answers to the key's owner, and we do not. Kademlia: 2.5 at
 * 10,000 with buckets of 20, 3.1 with buckets of 8. Pastry's are in pastry_hops.c, CAN's in
 * world_can.c. And every answer at 10,000 nodes is the oracle's, for k of 1, 5, 16 and 32.
 * PEERPOST_DEEP in the environment: thousands of them.
 */
#include "ring.h"

#include <math.h>
#include <stdio.h>

static double measure(size_t nodes, size_t lookups, const char *const *settings, const char *what)
{
    struct pp_world *w = ring_arranged(81, nodes, settings);
    double hops = ring_hops(w, lookups, 1);
    printf("  %s, %zu nodes: mean hops %.3f\n", what, nodes, hops);
    ring_end(w);
    return hops;
}

static double promised(const char *name, double n)
{
    double digits = log(n) / log(16);
    return strcmp(name, "chord") == 0    ? log2(n) / 2
           : strcmp(name, "pastry") == 0 ? digits + 0.1
           : strcmp(name, "can") == 0    ? 0.9 * pow(n, 1.0 / 4) /* in 4 dimensions */
                                         : digits + 1;
}

static void test_defaults(void)
{
    const char *name = getenv("PEERPOST_SUBSTRATE");
    bool deep = getenv("PEERPOST_DEEP") != NULL;
    struct pp_world *w = ring_arranged(81, 10000, NULL);
    double hops = ring_hops(w, deep ? 20000 : 1000, 1);
    double bound = promised(name ? name : "chord", 1e4);
    printf("  defaults, 10000 nodes: mean hops %.3f, bound %.2f\n", hops, bound);
    CU_ASSERT_TRUE(hops > 0 && hops <= bound);
    CU_ASSERT_TRUE(ring_exact(w, deep ? 20000 : 50, "10000 nodes"));
    ring_end(w);
}

static void test_published(void)
{
    static const struct {
        const char *substrate;
        size_t nodes;
        const char *const settings[3];
        double hops;
    } rows[] = {{"chord", 4096, {"successors=1"}, 5.84},
                {"chord", 1000, {"successors=20"}, 3.81 - 1},
                {"kademlia", 10000, {"bucket=20"}, 2.5},
                {"kademlia", 10000, {"bucket=8"}, 3.1}};
    const char *name = getenv("PEERPOST_SUBSTRATE");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(name ? name : "chord", rows[i].substrate) == 0) {
            double hops = measure(rows[i].nodes, 4000, rows[i].settings, rows[i].settings[0]);
            CU_ASSERT_DOUBLE_EQUAL(hops, rows[i].hops, 0.05 * rows[i].hops);
        }
    }
}

CHECK_MAIN("hops", CHECK(test_defaults), CHECK(test_published))
