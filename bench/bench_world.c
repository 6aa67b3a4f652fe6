/*
 * How fast virtual time runs: events a second of the world over a real substrate's shared object,
 * for growing networks. An event is one datagram delivered to and handled by a substrate; deadlines
 * come on top and are printed apart. All nodes ask for keys, so that look-ups make the load.
 *
 *   bench_world [SUBSTRATE [EVENTS [NODES]]]
 */
#include <sim/world/world.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double heap(void)
{
    struct mallinfo2 m = mallinfo2();
    return (double)(m.uordblks + m.hblkhd);
}

static void ignore(void *ctx, const struct pp_result *result)
{
    (void)ctx;
    (void)result;
}

static void ask(struct pp_world *w, size_t nodes)
{
    struct pp_id key;
    pp_prng_fill(pp_world_prng(w), key.b, sizeof key.b);
    pp_world_lookup(w, pp_prng_below(pp_world_prng(w), nodes), &key, 5, 1, ignore, NULL);
}

/* A look-up a node every ten virtual seconds. */
static void run(struct pp_world *w, size_t nodes, uint64_t events)
{
    uint64_t end = pp_world_counts(w).delivered + events;
    pp_ns gap = 10 * PP_SECOND / nodes;
    while (pp_world_counts(w).delivered < end) {
        ask(w, nodes);
        pp_world_run(w, gap ? gap : 1);
    }
}

static void measure(const struct pp_substrate *plugin, size_t nodes, uint64_t events)
{
    double before = heap();
    struct pp_world_options options = {.plugin = plugin, .seed = 1};
    struct pp_world *w = pp_world_create(&options);
    for (size_t i = 0; i < nodes; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    pp_world_arrange(w);
    run(w, nodes, events / 10); /* caches and tables warm */
    struct pp_world_counts a = pp_world_counts(w);
    double start = seconds();
    pp_ns virtual = pp_world_now(w);
    run(w, nodes, events);
    double took = seconds() - start;
    struct pp_world_counts b = pp_world_counts(w);
    printf("%-10s %7zu nodes: %8.0f events/s, %8.0f with deadlines, %7.1f virtual s a second, "
           "%6.0f octets a node all told\n",
           plugin->plugin.name, nodes, (double)(b.delivered - a.delivered) / took,
           (double)(b.events - a.events) / took, (double)(pp_world_now(w) - virtual) / 1e9 / took,
           (heap() - before) / (double)nodes);
    fflush(stdout);
    pp_world_destroy(w);
}

int main(int argc, char **argv)
{
    const struct pp_substrate *plugin = pp_world_plugin(argc > 1 ? argv[1] : "chord");
    if (!plugin) {
        return 1;
    }
    uint64_t events = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
    if (argc > 3) {
        measure(plugin, strtoull(argv[3], NULL, 10), events);
        return 0;
    }
    for (size_t nodes = 100; nodes <= 100000; nodes *= 10) {
        measure(plugin, nodes, events);
    }
    return 0;
}
