/*
 * For people and tests: the tables as text, the invariants of one node and of a whole overlay, and
 * tables set up as after long quiet. Sends nothing.
 */
#include "pastry.h"

#include <common/census.h>
#include <common/report.h>

void pastry_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    char id[17];
    size_t all = n->r.table.n, leaves = all < 2 * n->net->half ? all : 2 * n->net->half;
    pp_say(sink, "pastry %s %s, %zu peers, %zu of them leaves (the first and last), %u rows",
           pp_short_id(&n->r.m.a.self.id, id), pp_phase_text(&n->r.m), all, leaves, pastry_rows(n));
    pp_say_set(sink, n->r.m.a.active ? "peer" : "known", &n->r.table);
}

static size_t check_local(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    char id[17];
    struct pp_order order = pp_roster_order(&n->r);
    const struct pp_peerset *t = &n->r.table;
    size_t bad = pp_check_order(&n->r.m.a.self.id, "peer", t, &order, UINT16_MAX, sink);
    struct pastry_cell before = {UINT16_MAX, 0};
    size_t half = n->net->half;
    for (size_t i = half; n->r.m.phase == PP_PHASE_MEMBER && i + half < t->n; i++) {
        struct pastry_cell cell = pastry_cell_of(n, &t->at[i].peer.id);
        if (cell.row == before.row && cell.digit == before.digit) {
            pp_say(sink, "%s: two stand in row %u, digit %x", pp_short_id(&n->r.m.a.self.id, id),
                   cell.row, cell.digit);
            bad++;
        }
        before = cell;
    }
    return bad;
}

/* One side of the leaf set against the ring itself. */
static size_t check_side(const struct pp_census *c, size_t at, enum pastry_side side,
                         const struct pp_sink *sink)
{
    const struct pp_substrate_node *n = c->at[at];
    const struct pp_peerset *t = &n->r.table;
    char id[17], other[17];
    for (size_t i = 0; i < n->net->half && i + 1 < c->n; i++) {
        size_t step = side == PASTRY_RIGHT ? i + 1 : c->n - 1 - i;
        const struct pp_id *want = &pp_census_peer(c, (at + step) % c->n)->id;
        size_t index = side == PASTRY_RIGHT ? i : t->n - 1 - i;
        if (i >= t->n || !pp_id_equal(&t->at[index].peer.id, want)) {
            pp_say(sink, "%s: leaf %zu %s should be %s", pp_short_id(&n->r.m.a.self.id, id), i,
                   side == PASTRY_RIGHT ? "clockwise" : "counter-clockwise",
                   pp_short_id(want, other));
            return 1;
        }
    }
    return 0;
}

/* Is a cell of ours empty though nodes [*first, *last) of the census belong there? */
static bool is_missed(const struct pp_census *c, const struct pp_substrate_node *n,
                      struct pastry_cell cell, size_t *first, size_t *last)
{
    struct pp_id low, high;
    size_t from, to;
    pastry_cell_ids(n, cell, &low, &high);
    pp_census_range(c, &low, &high, first, last);
    pastry_cell_span(n, cell, &from, &to);
    bool own = cell.digit == pp_id_digit(&n->r.m.a.self.id, cell.row, n->net->b);
    return !own && *first < *last && from == to;
}

static size_t check_cells(const struct pp_census *c, const struct pp_substrate_node *n,
                          const struct pp_sink *sink)
{
    char id[17];
    size_t bad = 0;
    for (unsigned row = 0; row < pastry_rows(n); row++) {
        for (unsigned digit = 0; digit < 1u << n->net->b; digit++) {
            size_t first, last;
            if (is_missed(c, n, (struct pastry_cell){row, digit}, &first, &last)) {
                pp_say(sink, "%s: row %u, digit %x is empty, %zu nodes live there",
                       pp_short_id(&n->r.m.a.self.id, id), row, digit, last - first);
                bad++;
            }
        }
    }
    return bad;
}

static size_t check_within(const struct pp_census *c, size_t at, const struct pp_sink *sink)
{
    return check_side(c, at, PASTRY_LEFT, sink) + check_side(c, at, PASTRY_RIGHT, sink) +
           check_cells(c, c->at[at], sink);
}

size_t pastry_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink)
{
    return pp_census_check_all(nodes, n, check_local, check_within, sink);
}

static void put(struct pp_substrate_node *n, const struct pp_peer *peer, pp_ns now)
{
    struct pp_order order = pp_roster_order(&n->r);
    struct pp_entry entry = pp_entry_now(peer, now);
    pp_peerset_insert(&n->r.table, &order, UINT16_MAX, &entry);
}

/* The leaves, then for each cell that they leave empty one at random. */
static void arrange_one(const struct pp_census *c, size_t at, pp_ns now)
{
    struct pp_substrate_node *n = c->at[at];
    pp_peerset_free(&n->r.table);
    for (size_t i = 0; i < n->net->half && i + 1 < c->n; i++) {
        put(n, pp_census_peer(c, (at + i + 1) % c->n), now);
        put(n, pp_census_peer(c, (at + c->n - 1 - i) % c->n), now);
    }
    for (unsigned row = 0, rows = pastry_rows(n); row < rows; row++) {
        for (unsigned digit = 0; digit < 1u << n->net->b; digit++) {
            size_t first, last;
            if (is_missed(c, n, (struct pastry_cell){row, digit}, &first, &last)) {
                size_t one = first + pp_random_below(&n->r.m.a.random, last - first);
                put(n, pp_census_peer(c, one), now);
            }
        }
    }
}

static void arrange_within(const struct pp_census *c, size_t at, pp_ns now)
{
    struct pp_substrate_node *node = c->at[at];
    struct pp_random *random = &node->r.m.a.random;
    arrange_one(c, at, now);
    node->r.m.phase = PP_PHASE_MEMBER;
    node->r.m.a.active = true;
    node->r.m.state = node->r.m.told = PP_ACTIVE;
    node->upkeep_at = now + pp_random_below(random, 5 * PP_SECOND);
    node->r.ask_wait = 2 * node->net->heartbeat;
    node->r.ask_at = now + pp_random_jitter(random, node->r.ask_wait);
    node->row_at = now + pp_random_below(random, node->net->refresh);
    node->cell_wait = 4 * node->net->refresh;
    node->cell_at = now + pp_random_below(random, node->cell_wait);
}

void pastry_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now)
{
    pp_census_arrange_all(nodes, n, now, arrange_within);
}
