/* Worlds for the cases; see substrate_kit.h. */
#include "substrate_kit.h"

#define PATIENCE (15 * PP_MINUTE)

void *kit_need(void *p)
{
    if (!p) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return p;
}

struct pp_world *kit_world_with(const struct substrate_suite *s,
                                const struct pp_world_options *options, unsigned number)
{
    struct pp_world_options o = *options;
    o.plugin = s->face;
    o.values = s->values;
    o.seed = s->seed * 1000 + number;
    return pp_world_create(&o);
}

struct pp_world *kit_world(const struct substrate_suite *s, unsigned number)
{
    struct pp_world_options plain = {0};
    return kit_world_with(s, &plain, number);
}

size_t kit_active(struct pp_world *w)
{
    size_t n = pp_world_count(w);
    for (size_t tries = 0; tries < 1000 * n; tries++) {
        size_t i = pp_prng_below(pp_world_prng(w), n);
        if (pp_world_active(w, i) && !pp_id_is_zero(&pp_world_peer(w, i)->id)) {
            return i;
        }
    }
    return SIZE_MAX;
}

struct pp_id kit_key(struct pp_world *w)
{
    struct pp_id key;
    pp_prng_fill(pp_world_prng(w), key.b, sizeof key.b);
    return key;
}

void kit_join(struct pp_world *w, size_t n, pp_ns gap)
{
    for (size_t i = 0; i < n; i++) {
        size_t contact = kit_active(w);
        size_t node = pp_world_add(w, PP_MEMBER);
        if (contact == SIZE_MAX) {
            pp_world_found(w, node);
        } else {
            pp_world_meet(w, node, &contact, 1);
        }
        pp_world_run(w, gap);
    }
}

struct pp_world *kit_arranged(const struct substrate_suite *s, unsigned number, size_t n)
{
    struct pp_world *w = kit_world(s, number);
    for (size_t i = 0; i < n; i++) {
        pp_world_add(w, PP_MEMBER);
    }
    pp_world_arrange(w);
    return w;
}

/* Core tries other contacts for a node that reaches nobody. */
static size_t help(struct pp_world *w)
{
    size_t waiting = 0;
    for (size_t i = 0; i < pp_world_count(w); i++) {
        if (!pp_world_alive(w, i) || pp_world_active(w, i) ||
            pp_id_is_zero(&pp_world_peer(w, i)->id) || pp_world_state(w, i) == PP_LEFT) {
            continue;
        }
        size_t contact = kit_active(w);
        waiting++;
        if (pp_world_state(w, i) == PP_ALONE && contact != SIZE_MAX) {
            pp_world_meet(w, i, &contact, 1);
        }
    }
    return waiting;
}

struct first_line {
    char text[200];
};

static void keep_first(void *ctx, const char *text)
{
    struct first_line *f = ctx;
    if (!f->text[0]) {
        snprintf(f->text, sizeof f->text, "%s", text);
    }
}

void kit_heal(struct pp_world *w, enum substrate_rule rule, const char *what)
{
    struct first_line first = {""};
    struct pp_sink sink = {keep_first, &first};
    size_t waiting = 1, breaches = 0;
    for (pp_ns end = pp_world_now(w) + PATIENCE; pp_world_now(w) < end;) {
        waiting = help(w);
        first.text[0] = '\0';
        breaches = waiting ? 0 : pp_world_check(w, -1, &sink);
        if (waiting == 0 && breaches == 0) {
            return;
        }
        pp_world_run(w, 5 * PP_SECOND);
    }
    REQUIRE(waiting == 0, rule, "%s: after 15 minutes %zu members are still not active", what,
            waiting);
    rule_broken(rule, "%s: after 15 minutes %zu invariants are broken, the first: %s", what,
                breaches, first.text);
}

void kit_exact(struct pp_world *w, size_t n, const char *what)
{
    static const unsigned ks[] = {1, 3, 5, 16, 32};
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        struct pp_world_verdict v;
        pp_world_verify(w, n, ks[i], &v);
        REQUIRE(v.exact == v.asked, RULE_CLOSEST, "%s: %zu of %zu look-ups exact, k %u; %s", what,
                v.exact, v.asked, ks[i], v.first);
        size_t bad = pp_world_false_no(w, 50, ks[i]);
        REQUIRE(bad == 0, RULE_COVERS,
                "%s: %zu nodes answer NO for a key of which they are among the %u closest", what,
                bad, ks[i]);
    }
}

void kit_local(const struct substrate_suite *s, struct pp_world *w, const char *what)
{
    struct first_line first = {""};
    struct pp_sink sink = {keep_first, &first};
    for (size_t i = 0; i < pp_world_count(w); i++) {
        struct pp_substrate_node *one = pp_world_instance(w, i);
        REQUIRE(!one || s->face->check(&one, 1, &sink) == 0, RULE_HOSTILE,
                "%s: node %zu alone breaks its invariants: %s", what, i, first.text);
    }
}
