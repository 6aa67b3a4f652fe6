/*
 * All schedules of joins and crashes of 3 to 8 nodes to a stated depth, because the known faults of
 * Chord live in small rings (Zave 2012). A step turns one node over (a living one crashes, another
 * joins, under its old id if it had one) and waits one of three times: not at all, a round trip
 * and a half, longer than a failure takes to be noticed. After each schedule the ring must become
 * whole, stay so, and answer every look-up as the oracle does. PEERPOST_DEEP in
 * the environment: deeper.
 */
#include "ring.h"

#include <stdio.h>

static const pp_ns waits[] = {0, 150 * PP_MS, 30 * PP_SECOND};
#define WAITS (sizeof waits / sizeof *waits)
#define NODES_MAX 8
#define DEPTH_MAX 6

static uint64_t seed = 1;
static const char *const *settings;

static size_t an_active_one(const struct pp_world *w, size_t but)
{
    for (size_t i = 0; i < pp_world_count(w); i++) {
        if (i != but && pp_world_active(w, i)) {
            return i;
        }
    }
    for (size_t i = 0; i < pp_world_count(w); i++) {
        if (i != but && pp_world_alive(w, i) && pp_world_state(w, i) == PP_ALONE) {
            return i; /* the last of its ring */
        }
    }
    return SIZE_MAX;
}

static void turn_over(struct pp_world *w, size_t node)
{
    if (pp_world_alive(w, node)) {
        pp_world_kill(w, node);
        return;
    }
    size_t contact = an_active_one(w, node);
    pp_world_restart(w, node);
    if (contact == SIZE_MAX) {
        pp_world_found(w, node);
    } else {
        pp_world_meet(w, node, &contact, 1);
    }
}

static bool whole(struct pp_world *w, pp_ns limit)
{
    pp_ns end = pp_world_now(w) + limit;
    struct pp_sink quiet = {NULL, NULL};
    for (;;) {
        size_t living = 0, active = 0;
        for (size_t i = 0; i < pp_world_count(w); i++) {
            living += pp_world_alive(w, i);
            active += pp_world_active(w, i);
        }
        bool settled = active == living || living == 1; /* whom all have left goes on trying */
        if (settled && pp_world_check(w, -1, &quiet) == 0) {
            return true;
        }
        if (pp_world_now(w) >= end) {
            return false;
        }
        pp_world_run(w, 5 * PP_SECOND);
        ring_help(w);
    }
}

static bool exact(struct pp_world *w, unsigned k, char *why, size_t cap)
{
    struct pp_world_verdict v;
    bool any = false;
    for (size_t i = 0; i < pp_world_count(w); i++) {
        any = any || pp_world_active(w, i);
    }
    if (!any) {
        return true; /* nobody left, or one alone */
    }
    pp_world_verify(w, 6, k, &v);
    if (v.exact != v.asked) {
        snprintf(why, cap, "%s", v.first);
    }
    return v.exact == v.asked;
}

/* steps[i] = node * WAITS + wait. All but the last node are in the ring at first. */
static bool run(size_t n, const size_t *steps, size_t depth)
{
    struct pp_world *w = ring_world(seed, settings);
    char why[256] = "the ring did not become whole";
    for (size_t i = 0; i + 1 < n; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    pp_world_arrange(w);
    pp_world_kill(w, pp_world_add(w, PP_MEMBER));
    pp_world_run(w, PP_SECOND);
    for (size_t i = 0; i < depth; i++) {
        turn_over(w, steps[i] / WAITS);
        pp_world_run(w, waits[steps[i] % WAITS]);
    }
    bool good = whole(w, 15 * PP_MINUTE);
    if (good) {
        pp_world_run(w, PP_MINUTE);
        good = whole(w, 0);
        snprintf(why, sizeof why, "the ring did not stay whole");
    }
    good = good && exact(w, 5, why, sizeof why) && exact(w, 32, why, sizeof why);
    if (!good) {
        printf("  %zu nodes, seed %llu, steps", n, (unsigned long long)seed);
        for (size_t i = 0; i < depth; i++) {
            printf(" %zu+%zu", steps[i] / WAITS, steps[i] % WAITS);
        }
        printf(": %s\n", why);
    }
    ring_end(w);
    return good;
}

static void all(size_t n, size_t depth)
{
    size_t steps[DEPTH_MAX] = {0}, runs = 0, bad = 0, at = 0;
    while (at < depth) {
        runs++;
        bad += !run(n, steps, depth);
        for (at = 0; at < depth && ++steps[at] == n * WAITS; at++) {
            steps[at] = 0;
        }
        if (bad > 5) {
            break;
        }
    }
    CU_ASSERT_EQUAL(bad, 0);
    printf("  %zu nodes, depth %zu: %zu schedules, %zu bad\n", n, depth, runs, bad);
}

static void all_sizes(const char *const *with)
{
    bool deep = getenv("PEERPOST_DEEP") != NULL;
    settings = with;
    for (size_t n = 3; n <= NODES_MAX; n++) {
        size_t depth = n <= 5 ? 3 : 2;
        all(n, deep ? depth + 1 : depth);
    }
}

static void test_short_lists(void)
{
    static const struct {
        const char *substrate;
        const char *const settings[4];
    } few[] = {{"chord", {"successors=2"}},
               {"kademlia", {"siblings=2", "bucket=1"}},
               {"pastry", {"leaves=4", "bits=1"}},
               {"can", {"dimensions=2", "uniform=off"}},
               {"tapestry", {"siblings=2", "backups=0", "bits=2"}}};
    const char *name = getenv("PEERPOST_SUBSTRATE");
    for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
        if (strcmp(name ? name : "chord", few[i].substrate) == 0) {
            all_sizes(few[i].settings);
        }
    }
}

static void test_lists_that_hold_the_ring(void)
{
    all_sizes(NULL);
}

CHECK_MAIN("schedules", CHECK(test_short_lists), CHECK(test_lists_that_hold_the_ring))
