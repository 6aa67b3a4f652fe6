/*
 * For people and tests: a tree as text, the invariants of one node and of a whole overlay, and
 * trees set up as after long quiet. Sends nothing.
 */
#include <common/report.h>
#include <common/tree.h>

void pp_tree_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink)
{
    const struct pp_tree *t = (const struct pp_tree *)n;
    char id[17];
    pp_say(sink, "%s %s %s, %zu contacts, the first %zu are siblings", t->net->ops->name,
           pp_short_id(&t->r.m.a.self.id, id), pp_phase_text(&t->r.m), (size_t)t->r.table.n,
           pp_tree_siblings(t));
    pp_say_set(sink, "contact", &t->r.table);
}

static size_t check_local(const struct pp_tree *t, const struct pp_sink *sink)
{
    char id[17];
    struct pp_order order = pp_roster_order(&t->r);
    size_t bad = pp_check_order(&t->r.m.a.self.id, "table", &t->r.table, &order, UINT16_MAX, sink);
    for (size_t i = t->net->siblings; t->r.m.phase == PP_PHASE_MEMBER && i < t->r.table.n;) {
        struct pp_cell cell = pp_tree_cell_of(t, &t->r.table.at[i].peer.id);
        size_t from, to;
        pp_tree_cell(t, cell, &from, &to);
        i = to > i ? to : i + 1;
        if (to - from > t->net->cell) {
            pp_say(sink, "%s: %s %u/%u holds %zu", pp_short_id(&t->r.m.a.self.id, id),
                   t->net->ops->cell_name, cell.row, cell.digit, to - from);
            bad++;
        }
    }
    return bad;
}

/* The nodes of a cell: [*from, *to) of the census. */
static void range(const struct pp_census *c, const struct pp_tree *t, struct pp_cell cell,
                  size_t *from, size_t *to)
{
    struct pp_id low = t->r.m.a.self.id, high;
    unsigned bits = t->net->bits, bit = cell.row * bits;
    unsigned shift = 8 - bits - bit % 8, mask = (1u << bits) - 1;
    low.b[bit / 8] = (uint8_t)((low.b[bit / 8] & ~(mask << shift)) | (unsigned)cell.digit << shift);
    high = low;
    for (unsigned i = bit + bits; i < PP_ID_BITS; i++) {
        low.b[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
        high.b[i / 8] |= (uint8_t)(0x80u >> i % 8);
    }
    pp_census_range(c, &low, &high, from, to);
}

/* The cells of a tree from the nearest outwards. false: that was the last. */
struct walk {
    const struct pp_tree *tree;
    struct pp_cell cell;
    unsigned row, away;
};

/* From the innermost row in which anybody stands. */
static struct walk walk_from_inside(const struct pp_census *c, const struct pp_tree *t)
{
    size_t at = pp_census_lower(c, &t->r.m.a.self.id);
    unsigned row = 0, last = PP_ID_BITS / t->net->bits - 1;
    for (size_t i = at > 0 ? at - 1 : 0; i < c->n && i <= at + 1; i++) {
        unsigned shared = pp_tree_shared(t, &pp_census_peer(c, i)->id);
        row = i != at && shared > row ? shared : row;
    }
    return (struct walk){t, {0, 0, 0}, row < last ? row : last, 0};
}

static bool walk_on(struct walk *w)
{
    if (++w->away == 1u << w->tree->net->bits) {
        if (w->row-- == 0) {
            return false;
        }
        w->away = 1;
    }
    unsigned self = pp_id_digit(&w->tree->r.m.a.self.id, w->row, w->tree->net->bits);
    w->cell = (struct pp_cell){(uint8_t)w->row, (uint8_t)(self ^ w->away), 0};
    return true;
}

static size_t check_cell(const struct pp_census *c, const struct pp_tree *t, struct pp_cell cell,
                         bool inside, const struct pp_sink *sink)
{
    char id[17], other[17];
    size_t from, to, found = 0, bad = 0;
    range(c, t, cell, &from, &to);
    for (size_t i = from; i < to; i++) {
        const struct pp_id *one = &pp_census_peer(c, i)->id;
        bool known = pp_roster_entry(&t->r.m, one) != NULL;
        found += known;
        if (inside && !known) {
            pp_say(sink, "%s: sibling %s is missing", pp_short_id(&t->r.m.a.self.id, id),
                   pp_short_id(one, other));
            bad++;
        }
    }
    if (to > from && found == 0) {
        pp_say(sink, "%s: %s %u/%u is empty, %zu nodes live there",
               pp_short_id(&t->r.m.a.self.id, id), t->net->ops->cell_name, cell.row, cell.digit,
               to - from);
        bad++;
    }
    return bad;
}

static size_t check_global(const struct pp_census *c, const struct pp_tree *t,
                           const struct pp_sink *sink)
{
    size_t bad = 0, nodes = 0;
    for (struct walk w = walk_from_inside(c, t); walk_on(&w);) {
        size_t from, to;
        range(c, t, w.cell, &from, &to);
        nodes += to - from;
        bad += check_cell(c, t, w.cell, nodes <= t->net->siblings, sink);
    }
    return bad;
}

size_t pp_tree_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink)
{
    struct pp_census c;
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        bad += check_local((const struct pp_tree *)nodes[i], sink);
    }
    if (n > 1 && pp_census_take(&c, nodes, n)) {
        for (size_t i = 0; i < n; i++) {
            bad += check_global(&c, (const struct pp_tree *)nodes[i], sink);
        }
        pp_census_free(&c);
    }
    return bad;
}

static bool put(struct pp_tree *t, const struct pp_peer *other, pp_ns now)
{
    struct pp_order order = pp_roster_order(&t->r);
    struct pp_entry entry = pp_entry_now(other, now);
    return pp_peerset_insert(&t->r.table, &order, UINT16_MAX, &entry) >= 0;
}

static void put_all(const struct pp_census *c, struct pp_tree *t, size_t from, size_t to, pp_ns now)
{
    for (size_t i = from; i < to; i++) {
        put(t, pp_census_peer(c, i), now);
    }
}

/* As many as a cell holds. */
static void put_some(const struct pp_census *c, struct pp_tree *t, size_t from, size_t to,
                     pp_ns now)
{
    for (unsigned i = 0; i < t->net->cell;) {
        size_t one = from + pp_random_below(&t->r.m.a.random, to - from);
        i += put(t, pp_census_peer(c, one), now);
    }
}

/* All nodes of the cells until the siblings are full, then of each cell some at random. */
static void arrange_one(const struct pp_census *c, struct pp_tree *t, pp_ns now)
{
    pp_peerset_free(&t->r.table);
    for (struct walk w = walk_from_inside(c, t); walk_on(&w);) {
        size_t from, to;
        range(c, t, w.cell, &from, &to);
        if (t->r.table.n < t->net->siblings) {
            put_all(c, t, from, to, now);
            pp_tree_trim_all(t, now);
        } else if (to - from <= t->net->cell) {
            put_all(c, t, from, to, now);
        } else {
            put_some(c, t, from, to, now);
        }
    }
}

void pp_tree_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now)
{
    struct pp_census c;
    if (!pp_census_take(&c, nodes, n)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct pp_tree *t = (struct pp_tree *)nodes[i];
        t->r.m.phase = PP_PHASE_OUT; /* nothing is sent while tables are set up */
        arrange_one(&c, t, now);
        t->r.m.phase = PP_PHASE_MEMBER;
        t->r.m.a.active = true;
        t->r.m.state = t->r.m.told = PP_ACTIVE;
        pp_tree_activated(t, now);
        t->r.ask_wait = 2 * t->net->ping;
        t->r.ask_at = now + pp_random_jitter(&t->r.m.a.random, t->r.ask_wait);
        t->net->ops->arranged(t, now);
    }
    pp_census_free(&c);
}
