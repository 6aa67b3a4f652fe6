/*
 * For people and tests: the tables as text, the invariants of one node and of a whole ring (Zave
 * 2017), and a ring set up as after long quiet. Sends nothing.
 */
#include "chord.h"

#include <common/census.h>
#include <common/report.h>
#include <stdlib.h>

void chord_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    char id[17];
    pp_say(sink, "chord %s %s, %zu successors, %zu predecessors, %zu fingers%s",
           pp_short_id(&n->m.a.self.id, id), pp_phase_text(&n->m), (size_t)n->s.n, (size_t)n->p.n,
           (size_t)n->f.n, chord_whole(n) ? ", the lists are the whole ring" : "");
    pp_say_set(sink, "successor", &n->s);
    pp_say_set(sink, "predecessor", &n->p);
    pp_say_set(sink, n->m.a.active ? "finger" : "known", &n->f);
}

static size_t check_local(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    char id[17];
    struct pp_order clockwise = chord_clockwise(n), counter = chord_counter(n);
    size_t bad = pp_check_order(&n->m.a.self.id, "successors", &n->s, &clockwise, n->net->r, sink);
    bad += pp_check_order(&n->m.a.self.id, "predecessors", &n->p, &counter, n->net->r, sink);
    bad += pp_check_order(&n->m.a.self.id, "fingers", &n->f, &clockwise, PP_ID_BITS, sink);
    if (!n->m.a.active || n->s.n == 0 || n->f.n == 0) {
        return bad;
    }
    struct pp_id first = pp_id_sub(&n->f.at[0].peer.id, &n->m.a.self.id);
    struct pp_id last = pp_id_sub(&n->s.at[n->s.n - 1].peer.id, &n->m.a.self.id);
    if (pp_id_compare(&first, &last) <= 0) {
        pp_say(sink, "%s: a finger stands within the successors", pp_short_id(&n->m.a.self.id, id));
        bad++;
    }
    return bad;
}

/* The first node at or after an id. */
static size_t successor_of(const struct pp_census *ring, const struct pp_id *id)
{
    return pp_census_lower(ring, id) % ring->n;
}

/* Is the set the next `step` by `step` from index `at` on? */
static size_t check_list(const struct pp_substrate_node *n, const char *name,
                         const struct pp_peerset *set, const struct pp_census *ring, size_t at,
                         size_t step, const struct pp_sink *sink)
{
    char id[17], want[17];
    size_t length = ring->n - 1 < n->net->r ? ring->n - 1 : n->net->r;
    if (set->n != length) {
        pp_say(sink, "%s: %zu %ss, should be %zu", pp_short_id(&n->m.a.self.id, id), (size_t)set->n,
               name, length);
        return 1;
    }
    for (size_t i = 0; i < length; i++) {
        at = (at + step) % ring->n;
        const struct pp_id *right = &pp_census_peer(ring, at)->id;
        if (!pp_id_equal(&set->at[i].peer.id, right)) {
            pp_say(sink, "%s: %s %zu should be %s", pp_short_id(&n->m.a.self.id, id), name, i,
                   pp_short_id(right, want));
            return 1;
        }
    }
    return 0;
}

/* Who should be the finger of a bit: the target's successor, if not found only after coming round
 * to us; NULL: nobody. */
static const struct pp_peer *finger_of(const struct pp_substrate_node *n, unsigned bit,
                                       const struct pp_census *ring)
{
    struct pp_id target = chord_finger_target(n, bit);
    const struct pp_peer *peer = pp_census_peer(ring, successor_of(ring, &target));
    bool before = pp_id_in(&peer->id, &target, &n->m.a.self.id) || pp_id_equal(&peer->id, &target);
    return before && !pp_id_equal(&peer->id, &n->m.a.self.id) ? peer : NULL;
}

static size_t check_fingers(const struct pp_substrate_node *n, const struct pp_census *ring,
                            const struct pp_sink *sink)
{
    char id[17];
    struct pp_order order = chord_clockwise(n);
    size_t bad = 0;
    for (unsigned bit = chord_finger_low(n); bit < PP_ID_BITS; bit++) {
        const struct pp_peer *want = finger_of(n, bit, ring);
        if (want && pp_peerset_find(&n->f, &order, &want->id) < 0) {
            pp_say(sink, "%s: finger %u is not the successor of its target",
                   pp_short_id(&n->m.a.self.id, id), bit);
            bad++;
        }
    }
    return bad;
}

/* Zave: a member that no member's extended list (itself and its successors) skips is a principal;
 * a ring keeps at least r + 1 of them, or is all principals when smaller. */
static size_t check_principals(const struct pp_census *ring, const struct pp_sink *sink)
{
    size_t n = ring->n, principals = 0, wanted = ring->at[0]->net->r + 1;
    bool *skipped = calloc(n, sizeof *skipped);
    for (size_t i = 0; skipped && i < n; i++) {
        const struct pp_peerset *s = &ring->at[i]->s;
        size_t at = i;
        for (size_t j = 0; j < s->n && (j == 0 || at != i); j++) {
            size_t to = successor_of(ring, &s->at[j].peer.id);
            while ((at = (at + 1) % n) != to && at != i) {
                skipped[at] = true;
            }
        }
    }
    for (size_t i = 0; skipped && i < n; i++) {
        principals += !skipped[i];
    }
    free(skipped);
    wanted = n < wanted ? n : wanted;
    if (principals < wanted) {
        pp_say(sink, "the ring has %zu principals, should have %zu", principals, wanted);
    }
    return principals < wanted;
}

size_t chord_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink)
{
    struct pp_census ring;
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        bad += check_local(nodes[i], sink);
    }
    if (n < 2) {
        return bad;
    }
    if (!pp_census_take(&ring, nodes, n)) {
        return bad + 1;
    }
    for (size_t i = 0; i < n; i++) {
        const struct pp_substrate_node *node = ring.at[i];
        bad += check_list(node, "successor", &node->s, &ring, i, 1, sink);
        bad += check_list(node, "predecessor", &node->p, &ring, i, n - 1, sink);
        bad += check_fingers(node, &ring, sink);
    }
    bad += check_principals(&ring, sink);
    pp_census_free(&ring);
    return bad;
}

static void arrange_list(const struct pp_table *t, const struct pp_census *ring, size_t at,
                         size_t step, pp_ns now)
{
    for (size_t i = 0; i < t->max && i + 1 < ring->n; i++) {
        at = (at + step) % ring->n;
        struct pp_entry entry = pp_entry_now(pp_census_peer(ring, at), now);
        pp_peerset_insert(t->set, &t->order, t->max, &entry);
    }
}

static void arrange_one(const struct pp_census *ring, size_t at, pp_ns now)
{
    struct pp_substrate_node *n = ring->at[at];
    struct pp_table t[PP_TABLES_MAX];
    chord_tables(&n->m, t);
    n->m.phase = PP_PHASE_MEMBER;
    n->m.a.active = true;
    pp_tables_free(&n->m);
    arrange_list(&t[0], ring, at, 1, now);
    arrange_list(&t[1], ring, at, ring->n - 1, now);
    for (unsigned bit = chord_finger_low(n); bit < PP_ID_BITS; bit++) {
        const struct pp_peer *peer = finger_of(n, bit, ring);
        if (peer) {
            struct pp_entry entry = pp_entry_now(peer, now);
            chord_finger_offer(n, &entry);
        }
    }
    n->last_stabilise = now;
    n->stabilise_at = now + pp_random_below(&n->m.a.random, n->net->stabilise);
    n->finger_at = now + pp_random_below(&n->m.a.random, n->net->refresh);
    pp_member_set_state(&n->m, PP_ACTIVE);
}

void chord_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now)
{
    struct pp_census ring;
    if (pp_census_take(&ring, nodes, n)) {
        for (size_t i = 0; i < n; i++) {
            arrange_one(&ring, i, now);
        }
        pp_census_free(&ring);
    }
}
