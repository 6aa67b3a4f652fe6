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
    static const char *const names[] = {"successors", "predecessors", "fingers"};
    struct pp_table t[PP_TABLES_MAX];
    size_t bad = 0, count = chord_tables(&n->m, t);
    for (size_t i = 0; i < count; i++) {
        bad += pp_check_order(&n->m.a.self.id, names[i], t[i].set, &t[i].order, t[i].max, sink);
    }
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
    size_t n = ring->n, wanted = ring->at[0]->net->r + 1;
    bool *skipped = calloc(n, sizeof *skipped);
    size_t principals = skipped ? n : 0;
    for (size_t i = 0; skipped && i < n; i++) {
        const struct pp_peerset *s = &ring->at[i]->s;
        size_t at = i;
        for (size_t j = 0; j < s->n && (j == 0 || at != i); j++) {
            size_t to = successor_of(ring, &s->at[j].peer.id);
            while ((at = (at + 1) % n) != to && at != i) {
                principals -= !skipped[at];
                skipped[at] = true;
            }
        }
    }
    free(skipped);
    wanted = n < wanted ? n : wanted;
    if (principals < wanted) {
        pp_say(sink, "the ring has %zu principals, should have %zu", principals, wanted);
    }
    return principals < wanted;
}

static size_t check_within(const struct pp_census *ring, size_t at, const struct pp_sink *sink)
{
    struct pp_table t[PP_TABLES_MAX];
    chord_tables(&ring->at[at]->m, t);
    return pp_census_check(ring, at, 1, "successor", &t[0], sink) +
           pp_census_check(ring, at, ring->n - 1, "predecessor", &t[1], sink) +
           check_fingers(ring->at[at], ring, sink) + (at == 0 ? check_principals(ring, sink) : 0);
}

size_t chord_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink)
{
    return pp_census_check_all(nodes, n, check_local, check_within, sink);
}

static void arrange_one(const struct pp_census *ring, size_t at, pp_ns now)
{
    struct pp_substrate_node *n = ring->at[at];
    struct pp_table t[PP_TABLES_MAX];
    chord_tables(&n->m, t);
    n->m.phase = PP_PHASE_MEMBER;
    n->m.a.active = true;
    pp_tables_free(&n->m);
    pp_census_fill(ring, at, 1, &t[0], now);
    pp_census_fill(ring, at, ring->n - 1, &t[1], now);
    for (unsigned bit = chord_finger_low(n); bit < PP_ID_BITS; bit++) {
        const struct pp_peer *peer = finger_of(n, bit, ring);
        if (peer) {
            struct pp_entry entry = pp_entry_now(peer, now);
            chord_finger_offer(n, &entry);
        }
    }
    n->last_stabilise = now;
    n->stabilise_at = now + pp_random_below(&n->m.a.random, n->net->stabilise);
    n->fingers = pp_rounds_from(now + pp_random_below(&n->m.a.random, n->net->refresh), false);
    pp_member_set_state(&n->m, PP_ACTIVE);
}

void chord_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now)
{
    pp_census_arrange_all(nodes, n, now, arrange_one);
}
