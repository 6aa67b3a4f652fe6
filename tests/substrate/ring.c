/* Worlds for tests of substrates; see ring.h. */
#include "ring.h"

#include <stdio.h>

const struct pp_substrate *ring_plugin(void)
{
    const char *name = getenv("PEERPOST_SUBSTRATE");
    const struct pp_substrate *plugin = pp_world_plugin(name ? name : "chord");
    CHECK_FATAL(plugin != NULL);
    return plugin;
}

struct pp_world *ring_world(uint64_t seed, const char *const *settings)
{
    const struct pp_substrate *plugin = ring_plugin();
    struct pp_world_options options = {.plugin = plugin, .seed = seed};
    union pp_value *values = NULL;
    if (settings) {
        values = pp_world_values(&plugin->plugin, settings);
        CHECK_FATAL(values != NULL);
        options.values = values;
    }
    struct pp_world *w = pp_world_create(&options);
    free(values);
    return w;
}

struct pp_world *ring_arranged(uint64_t seed, size_t n, const char *const *settings)
{
    struct pp_world *w = ring_world(seed, settings);
    for (size_t i = 0; i < n; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    pp_world_arrange(w);
    return w;
}

void ring_end(struct pp_world *w)
{
    pp_world_destroy(w);
}

void ring_join(struct pp_world *w, size_t n, pp_ns gap)
{
    for (size_t i = 0; i < n; i++) {
        size_t count = pp_world_count(w), contact = pp_prng_below(pp_world_prng(w), count);
        size_t node = pp_world_add(w, PP_MEMBER);
        if (count == 0) {
            pp_world_found(w, node);
        } else {
            pp_world_meet(w, node, &contact, 1);
        }
        pp_world_run(w, gap);
    }
}

void ring_join_at_once(struct pp_world *w, size_t n, size_t through)
{
    for (size_t i = 0; i < n; i++) {
        size_t contact = pp_prng_below(pp_world_prng(w), through);
        pp_world_meet(w, pp_world_add(w, PP_MEMBER), &contact, 1);
    }
}

static bool serves(const struct pp_world *w, size_t i)
{
    return pp_world_active(w, i) || (pp_world_alive(w, i) && pp_world_state(w, i) == PP_ALONE);
}

static void found_anew(struct pp_world *w)
{
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < pp_world_count(w); i++) {
        if (serves(w, i)) {
            return;
        }
        const struct pp_id *id = &pp_world_peer(w, i)->id;
        if (pp_world_alive(w, i) &&
            (first == SIZE_MAX || pp_id_compare(id, &pp_world_peer(w, first)->id) < 0)) {
            first = i;
        }
    }
    if (first != SIZE_MAX) {
        pp_world_found(w, first);
    }
}

void ring_help(struct pp_world *w)
{
    size_t n = pp_world_count(w);
    found_anew(w);
    for (size_t i = 0; i < n; i++) {
        size_t contact = pp_prng_below(pp_world_prng(w), n);
        if (contact != i && serves(w, i) && !pp_world_active(w, i) && pp_world_alive(w, contact)) {
            pp_world_meet(w, i, &contact, 1);
        }
    }
}

static void count_line(void *ctx, const char *text)
{
    size_t *left = ctx;
    if (*left > 0) {
        --*left;
        printf("    %s\n", text);
    }
}

static size_t living(const struct pp_world *w, size_t *active)
{
    size_t n = 0;
    *active = 0;
    for (size_t i = 0; i < pp_world_count(w); i++) {
        n += pp_world_alive(w, i) && !pp_id_is_zero(&pp_world_peer(w, i)->id);
        *active += pp_world_active(w, i) && !pp_id_is_zero(&pp_world_peer(w, i)->id);
    }
    return n;
}

bool ring_heals(struct pp_world *w, pp_ns limit, const char *what)
{
    pp_ns start = pp_world_now(w), end = start + limit;
    size_t active, n = living(w, &active), nothing = 0;
    struct pp_sink quiet = {count_line, &nothing};
    bool whole = active == n && pp_world_check(w, -1, &quiet) == 0;
    while (!whole && pp_world_now(w) < end) {
        pp_world_run(w, 5 * PP_SECOND);
        ring_help(w);
        n = living(w, &active);
        whole = active == n && pp_world_check(w, -1, &quiet) == 0;
    }
    size_t lines = 10;
    struct pp_sink sink = {count_line, &lines};
    size_t breaches = whole ? 0 : pp_world_check(w, -1, &sink);
    printf("  %s: %zu of %zu active, %zu breaches after %.0f s\n", what, active, n, breaches,
           (double)(pp_world_now(w) - start) / 1e9);
    return whole;
}

static bool exact_but(struct pp_world *w, size_t n, const char *what, size_t others)
{
    static const unsigned ks[] = {1, 5, 16, 32};
    bool exact = true;
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        struct pp_world_verdict v;
        pp_world_verify(w, n, ks[i], &v);
        double done = (double)(v.asked - v.failed) + 1e-9;
        printf("  %s: k %2u %zu/%zu exact, hops %.2f, messages %.1f, timeouts %.2f, %.3f s %s\n",
               what, ks[i], v.exact, v.asked, (double)v.hops / done, (double)v.messages / done,
               (double)v.timeouts / done, (double)v.elapsed / 1e9 / done, v.first);
        exact = exact && v.exact + others >= v.asked;
    }
    return exact;
}

bool ring_exact(struct pp_world *w, size_t n, const char *what)
{
    return exact_but(w, n, what, 0);
}

bool ring_nearly_exact(struct pp_world *w, size_t n, const char *what)
{
    return exact_but(w, n, what, n / 100);
}

double ring_hops(struct pp_world *w, size_t n, unsigned k)
{
    struct pp_world_verdict v;
    pp_world_verify(w, n, k, &v);
    return (double)v.hops / (double)(v.asked - v.failed);
}

size_t ring_kill(struct pp_world *w, unsigned thousandths)
{
    size_t killed = 0, n = pp_world_count(w), active, wanted = living(w, &active);
    wanted = wanted * thousandths / 1000;
    while (killed < wanted) {
        size_t i = pp_prng_below(pp_world_prng(w), n);
        if (pp_world_alive(w, i)) {
            pp_world_kill(w, i);
            killed++;
        }
    }
    return killed;
}
