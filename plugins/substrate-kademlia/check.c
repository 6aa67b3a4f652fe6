/*
 * For people and tests: the table as text, the invariants of one node and of a whole overlay, and
 * tables set up as after long quiet. Sends nothing.
 */
#include "kademlia.h"

#include <common/report.h>
#include <stdlib.h>

void kademlia_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    char id[17];
    size_t siblings = n->table.n < n->net->siblings ? n->table.n : n->net->siblings;
    pp_say(sink, "kademlia %s %s, %zu contacts, the first %zu are siblings",
           pp_short_id(&n->m.a.self.id, id), pp_phase_text(&n->m), (size_t)n->table.n, siblings);
    pp_say_set(sink, "contact", &n->table);
}

static size_t check_local(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    char id[17];
    struct pp_order order = kademlia_order(n);
    size_t bad = pp_check_order(&n->m.a.self.id, "table", &n->table, &order, UINT16_MAX, sink);
    for (unsigned bits = 0; n->m.phase == PP_PHASE_MEMBER && bits < PP_ID_BITS; bits++) {
        size_t from, to;
        kademlia_bucket(n, bits, &from, &to);
        if (to - from > n->net->bucket) {
            pp_say(sink, "%s: bucket %u holds %zu", pp_short_id(&n->m.a.self.id, id), bits,
                   to - from);
            bad++;
        }
    }
    return bad;
}

static int by_id(const void *a, const void *b)
{
    const struct pp_substrate_node *const *x = a, *const *y = b;
    return pp_id_compare(&(*x)->m.a.self.id, &(*y)->m.a.self.id);
}

/* All active nodes in the order of their ids: those that share a prefix stand together. */
struct census {
    struct pp_substrate_node **at;
    size_t n;
};

static bool take_census(struct census *c, struct pp_substrate_node *const *nodes, size_t n)
{
    c->n = 0;
    c->at = malloc((n + 1) * sizeof *c->at);
    for (size_t i = 0; c->at && i < n; i++) {
        c->at[c->n++] = nodes[i];
    }
    if (c->at) {
        qsort(c->at, c->n, sizeof *c->at, by_id);
    }
    return c->at != NULL;
}

/* First index whose id is not below `id`. */
static size_t lower(const struct census *c, const struct pp_id *id)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pp_id_compare(&c->at[middle]->m.a.self.id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The nodes of bucket `bits` of `self`: [*from, *to). */
static void range(const struct census *c, const struct pp_id *self, unsigned bits, size_t *from,
                  size_t *to)
{
    struct pp_id low = *self, high;
    low.b[bits / 8] ^= (uint8_t)(0x80u >> bits % 8);
    for (unsigned i = bits + 1; i < PP_ID_BITS; i++) {
        low.b[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
    }
    struct pp_id step = pp_id_power(PP_ID_BITS - 1 - bits);
    high = pp_id_add(&low, &step);
    *from = lower(c, &low);
    *to = pp_id_compare(&high, &low) < 0 ? c->n : lower(c, &high);
}

/* Depth from which inwards there are at most `siblings` others. */
static unsigned sibling_depth(const struct census *c, const struct pp_substrate_node *n)
{
    size_t known = 0;
    for (unsigned bits = PP_ID_BITS; bits-- > 0;) {
        size_t from, to;
        range(c, &n->m.a.self.id, bits, &from, &to);
        known += to - from;
        if (known >= n->net->siblings) {
            return bits;
        }
    }
    return 0;
}

static size_t check_global(const struct census *c, const struct pp_substrate_node *n,
                           const struct pp_sink *sink)
{
    char id[17], other[17];
    struct pp_order order = kademlia_order(n);
    unsigned depth = sibling_depth(c, n);
    size_t bad = 0;
    for (unsigned bits = 0; bits < PP_ID_BITS; bits++) {
        size_t from, to, found = 0;
        range(c, &n->m.a.self.id, bits, &from, &to);
        for (size_t i = from; i < to; i++) {
            bool known = pp_peerset_find(&n->table, &order, &c->at[i]->m.a.self.id) >= 0;
            found += known;
            if (bits > depth && !known) {
                pp_say(sink, "%s: sibling %s is missing", pp_short_id(&n->m.a.self.id, id),
                       pp_short_id(&c->at[i]->m.a.self.id, other));
                bad++;
            }
        }
        if (to > from && found == 0) {
            pp_say(sink, "%s: bucket %u is empty, %zu nodes live there",
                   pp_short_id(&n->m.a.self.id, id), bits, to - from);
            bad++;
        }
    }
    return bad;
}

size_t kademlia_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink)
{
    struct census c;
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        bad += check_local(nodes[i], sink);
    }
    if (n > 1 && take_census(&c, nodes, n)) {
        for (size_t i = 0; i < n; i++) {
            bad += check_global(&c, nodes[i], sink);
        }
        free(c.at);
    }
    return bad;
}

static void put(struct pp_substrate_node *n, const struct pp_substrate_node *other, pp_ns now)
{
    struct pp_order order = kademlia_order(n);
    struct pp_entry entry = pp_entry_now(&other->m.a.self, now);
    pp_peerset_insert(&n->table, &order, UINT16_MAX, &entry);
}

/* All of the buckets from the sibling's depth inwards, then of each bucket some at random; what is
 * beyond the siblings' number is cut to the bucket's size. */
static void arrange_one(const struct census *c, struct pp_substrate_node *n, pp_ns now)
{
    unsigned depth = sibling_depth(c, n);
    size_t from, to;
    pp_peerset_free(&n->table);
    for (unsigned bits = depth; bits < PP_ID_BITS; bits++) {
        range(c, &n->m.a.self.id, bits, &from, &to);
        for (size_t i = from; i < to; i++) {
            put(n, c->at[i], now);
        }
    }
    kademlia_bucket(n, depth, &from, &to);
    while (to - from > n->net->bucket) {
        pp_peerset_remove(&n->table, from + pp_random_below(&n->m.a.random, to - from));
        to--;
    }
    for (unsigned bits = 0; bits < depth; bits++) {
        range(c, &n->m.a.self.id, bits, &from, &to);
        for (unsigned i = 0; from < to && i < n->net->bucket; i++) {
            put(n, c->at[from + pp_random_below(&n->m.a.random, to - from)], now);
        }
    }
}

void kademlia_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now)
{
    struct census c;
    if (!take_census(&c, nodes, n)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct pp_substrate_node *node = nodes[i];
        arrange_one(&c, node, now);
        node->m.phase = PP_PHASE_MEMBER;
        node->m.a.active = true;
        node->m.state = node->m.told = PP_ACTIVE;
        kademlia_activated(&node->m, now);
        node->first_pass = false;
        node->ask_wait = 2 * node->net->ping;
        node->ask_at = now + pp_random_jitter(&node->m.a.random, node->ask_wait);
        node->refresh_at = now + pp_random_jitter(&node->m.a.random, node->net->refresh / 8);
    }
    free(c.at);
}
