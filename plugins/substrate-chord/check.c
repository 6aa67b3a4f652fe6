/*
 * For people and tests: the tables as text, the invariants of one node and of a whole ring (Zave
 * 2017), and a ring set up as after long quiet. Sends nothing.
 */
#include "chord.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void say(const struct pp_sink *sink, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct pp_sink *sink, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (sink && sink->line) {
        sink->line(sink->ctx, text);
    }
}

static const char *short_id(const struct pp_id *id, char out[17])
{
    pp_hex(out, id->b, 8);
    return out;
}

static void snapshot_set(const struct pp_sink *sink, const char *name, const struct pp_peerset *set)
{
    char id[17], address[46];
    for (size_t i = 0; i < set->n; i++) {
        const struct pp_entry *entry = &set->at[i];
        pp_address_text(address, entry->peer.address);
        say(sink, "%s %zu %s %s %u rtt %u us%s", name, i, short_id(&entry->peer.id, id), address,
            entry->peer.udp, entry->rtt * 125u, entry->flags & PP_ENTRY_SUSPECT ? " suspect" : "");
    }
}

void chord_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    static const char *const phases[] = {"out",    "seeking", "asking", "learning",
                                         "member", "leaving", "left"};
    char id[17];
    say(sink, "chord %s %s, %zu successors, %zu predecessors, %zu fingers%s",
        n->client ? "client" : short_id(&n->a.self.id, id), n->client ? "" : phases[n->phase],
        (size_t)n->s.n, (size_t)n->p.n, (size_t)n->f.n,
        chord_whole(n) ? ", the lists are the whole ring" : "");
    snapshot_set(sink, "successor", &n->s);
    snapshot_set(sink, "predecessor", &n->p);
    snapshot_set(sink, n->a.active ? "finger" : "known", &n->f);
}

/* Strictly rising distances mean: in order, each once, never ourselves. */
static size_t check_order(const struct pp_substrate_node *n, const char *name,
                          const struct pp_peerset *set, const struct pp_order *order, size_t max,
                          const struct pp_sink *sink)
{
    char id[17];
    size_t bad = 0;
    struct pp_id before = {{0}};
    for (size_t i = 0; i < set->n; i++) {
        struct pp_id d = order->distance(&order->origin, &set->at[i].peer.id);
        if (pp_id_compare(&before, &d) >= 0) {
            say(sink, "%s: %s %zu is out of order", short_id(&n->a.self.id, id), name, i);
            bad++;
        }
        before = d;
    }
    if (set->n > max) {
        say(sink, "%s: %zu %ss, at most %zu", short_id(&n->a.self.id, id), (size_t)set->n, name,
            max);
        bad++;
    }
    return bad;
}

static size_t check_local(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    char id[17];
    struct pp_order clockwise = chord_clockwise(n), counter = chord_counter(n);
    size_t bad = check_order(n, "successor", &n->s, &clockwise, n->net->r, sink);
    bad += check_order(n, "predecessor", &n->p, &counter, n->net->r, sink);
    bad += check_order(n, "finger", &n->f, &clockwise, PP_ID_BITS, sink);
    if (!n->a.active || n->s.n == 0 || n->f.n == 0) {
        return bad;
    }
    struct pp_id first = pp_id_sub(&n->f.at[0].peer.id, &n->a.self.id);
    struct pp_id last = pp_id_sub(&n->s.at[n->s.n - 1].peer.id, &n->a.self.id);
    if (pp_id_compare(&first, &last) <= 0) {
        say(sink, "%s: a finger stands within the successors", short_id(&n->a.self.id, id));
        bad++;
    }
    return bad;
}

static int by_id(const void *a, const void *b)
{
    const struct pp_substrate_node *const *x = a, *const *y = b;
    return pp_id_compare(&(*x)->a.self.id, &(*y)->a.self.id);
}

/* The nodes by id; the caller frees. NULL: out of memory. */
static struct pp_substrate_node **sorted(struct pp_substrate_node *const *nodes, size_t n)
{
    struct pp_substrate_node **ring = malloc(n * sizeof(struct pp_substrate_node *));
    if (ring) {
        memcpy(ring, nodes, n * sizeof(struct pp_substrate_node *));
        qsort(ring, n, sizeof(struct pp_substrate_node *), by_id);
    }
    return ring;
}

/* Index of the first node at or after an id. */
static size_t successor_of(struct pp_substrate_node *const *ring, size_t n, const struct pp_id *id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pp_id_compare(&ring[middle]->a.self.id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low % n;
}

static size_t compare_list(const struct pp_substrate_node *n, const char *name,
                           const struct pp_peerset *set, struct pp_substrate_node *const *ring,
                           size_t n_ring, size_t at, size_t step, const struct pp_sink *sink)
{
    char id[17], want[17];
    size_t length = n_ring - 1 < n->net->r ? n_ring - 1 : n->net->r;
    if (set->n != length) {
        say(sink, "%s: %zu %ss, should be %zu", short_id(&n->a.self.id, id), (size_t)set->n, name,
            length);
        return 1;
    }
    for (size_t i = 0; i < length; i++) {
        at = (at + step) % n_ring;
        if (!pp_id_equal(&set->at[i].peer.id, &ring[at]->a.self.id)) {
            say(sink, "%s: %s %zu should be %s", short_id(&n->a.self.id, id), name, i,
                short_id(&ring[at]->a.self.id, want));
            return 1;
        }
    }
    return 0;
}

static size_t check_fingers(const struct pp_substrate_node *n,
                            struct pp_substrate_node *const *ring, size_t n_ring,
                            const struct pp_sink *sink)
{
    char id[17];
    struct pp_order order = chord_clockwise(n);
    size_t bad = 0;
    for (unsigned bit = chord_finger_low(n); bit < PP_ID_BITS; bit++) {
        struct pp_id power = pp_id_power(bit), target = pp_id_add(&n->a.self.id, &power);
        const struct pp_id *want = &ring[successor_of(ring, n_ring, &target)]->a.self.id;
        bool before = pp_id_in(want, &target, &n->a.self.id) || pp_id_equal(want, &target);
        if (before && !pp_id_equal(want, &n->a.self.id) &&
            pp_peerset_find(&n->f, &order, want) < 0) {
            say(sink, "%s: finger %u is not the successor of its target",
                short_id(&n->a.self.id, id), bit);
            bad++;
        }
    }
    return bad;
}

/* Zave: a member that no member's extended list (itself and its successors) skips is a principal;
 * a ring keeps at least r + 1 of them, or is all principals when smaller. */
static size_t check_principals(struct pp_substrate_node *const *ring, size_t n,
                               const struct pp_sink *sink)
{
    bool *skipped = calloc(n, sizeof *skipped);
    size_t principals = 0;
    for (size_t i = 0; skipped && i < n; i++) {
        size_t at = i;
        for (size_t j = 0; j < ring[i]->s.n; j++) {
            const struct pp_id *next = &ring[i]->s.at[j].peer.id;
            size_t to = successor_of(ring, n, next);
            while ((at = (at + 1) % n) != to && at != i) {
                skipped[at] = true;
            }
            if (at == i) {
                break;
            }
        }
    }
    for (size_t i = 0; skipped && i < n; i++) {
        principals += !skipped[i];
    }
    free(skipped);
    size_t wanted = n < ring[0]->net->r + 1 ? n : ring[0]->net->r + 1;
    if (principals >= wanted) {
        return 0;
    }
    say(sink, "the ring has %zu principals, should have %zu", principals, wanted);
    return 1;
}

size_t chord_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink)
{
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        bad += check_local(nodes[i], sink);
    }
    if (n < 2) {
        return bad;
    }
    struct pp_substrate_node **ring = sorted(nodes, n);
    if (!ring) {
        return bad + 1;
    }
    for (size_t i = 0; i < n; i++) {
        bad += compare_list(ring[i], "successor", &ring[i]->s, ring, n, i, 1, sink);
        bad += compare_list(ring[i], "predecessor", &ring[i]->p, ring, n, i, n - 1, sink);
        bad += check_fingers(ring[i], ring, n, sink);
    }
    bad += check_principals(ring, n, sink);
    free(ring);
    return bad;
}

static void arrange_list(struct pp_substrate_node *n, struct pp_peerset *set,
                         const struct pp_order *order, struct pp_substrate_node *const *ring,
                         size_t n_ring, size_t at, size_t step, pp_ns now)
{
    pp_peerset_free(set);
    for (size_t i = 0; i < n->net->r && i + 1 < n_ring; i++) {
        at = (at + step) % n_ring;
        struct pp_entry entry = pp_entry_now(&ring[at]->a.self, now);
        pp_peerset_insert(set, order, n->net->r, &entry);
    }
}

static void arrange_one(struct pp_substrate_node *const *ring, size_t n_ring, size_t at, pp_ns now)
{
    struct pp_substrate_node *n = ring[at];
    struct pp_order clockwise = chord_clockwise(n), counter = chord_counter(n);
    n->phase = CHORD_MEMBER;
    n->a.active = true;
    arrange_list(n, &n->s, &clockwise, ring, n_ring, at, 1, now);
    arrange_list(n, &n->p, &counter, ring, n_ring, at, n_ring - 1, now);
    pp_peerset_free(&n->f);
    for (unsigned bit = chord_finger_low(n); bit < PP_ID_BITS; bit++) {
        struct pp_id power = pp_id_power(bit), target = pp_id_add(&n->a.self.id, &power);
        const struct pp_peer *peer = &ring[successor_of(ring, n_ring, &target)]->a.self;
        struct pp_entry entry = pp_entry_now(peer, now);
        if (!pp_id_equal(&peer->id, &n->a.self.id)) {
            chord_finger_offer(n, &entry);
        }
    }
    n->last_stabilise = now;
    n->stabilise_at = now + pp_random_below(&n->a.random, n->net->stabilise);
    n->finger_at = now + pp_random_below(&n->a.random, n->net->refresh);
    chord_set_state(n, PP_ACTIVE);
}

void chord_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now)
{
    struct pp_substrate_node **ring = n ? sorted(nodes, n) : NULL;
    for (size_t i = 0; ring && i < n; i++) {
        arrange_one(ring, n, i, now);
    }
    free(ring);
}
