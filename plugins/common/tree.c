/*
 * Cells of a tree and the only code that changes who stands in them (Maymounkov and Mazieres 2002,
 * section 2.2; siblings: Baumgart and Mies 2007, section 4.3; cells with backups: Zhao et al.
 * 2004).
 */
#include <common/tree.h>
#include <stdlib.h>

#define CONTEST_SILENCE 10 /* pings: so long silent, an entry is asked whether it lives */

struct pp_substrate_node *pp_tree_create(size_t size, const struct pp_tree_net *net,
                                         const struct pp_member_ops *ops, void *ctx,
                                         enum pp_role role, const struct pp_peer *self,
                                         const uint8_t seed[16])
{
    struct pp_tree *t =
        pp_member_new(size, ops, &pp_tree_lookup_ops, net->host, ctx, role, self, seed);
    if (t) {
        t->r.kind = pp_tree_kind(net->bits);
        t->net = net;
        t->r.ask_at = t->upkeep_at = t->look_at = PP_NEVER;
    }
    return (struct pp_substrate_node *)t;
}

unsigned pp_tree_shared(const struct pp_tree *t, const struct pp_id *id)
{
    return pp_id_shared_bits(&t->r.m.a.self.id, id) / t->net->bits;
}

struct pp_cell pp_tree_cell_of(const struct pp_tree *t, const struct pp_id *id)
{
    unsigned row = pp_tree_shared(t, id), last = PP_ID_BITS / t->net->bits - 1;
    row = row < last ? row : last;
    return (struct pp_cell){.row = (uint8_t)row,
                            .digit = (uint8_t)pp_id_digit(id, row, t->net->bits)};
}

/* The id at XOR distance `digit` (first, round ours) of a row and zeros, from us. */
static struct pp_id corner(const struct pp_tree *t, unsigned row, unsigned digit)
{
    struct pp_id id = t->r.m.a.self.id;
    unsigned bit = row * t->net->bits;
    id.b[bit / 8] ^= (uint8_t)(digit << (8 - t->net->bits - bit % 8));
    return id;
}

size_t pp_tree_within(const struct pp_tree *t, unsigned row)
{
    struct pp_order order = pp_roster_order(&t->r);
    if (row == 0) {
        return t->r.table.n;
    }
    struct pp_id first = corner(t, row - 1, 1);
    return pp_peerset_place(&t->r.table, &order, &first);
}

void pp_tree_run(const struct pp_tree *t, struct pp_cell cell, size_t *from, size_t *to)
{
    struct pp_order order = pp_roster_order(&t->r);
    unsigned away = cell.digit ^ pp_id_digit(&t->r.m.a.self.id, cell.row, t->net->bits);
    struct pp_id first = corner(t, cell.row, away);
    *from = pp_peerset_place(&t->r.table, &order, &first);
    if (away + 1 == 1u << t->net->bits) {
        *to = pp_tree_within(t, cell.row);
    } else {
        struct pp_id after = corner(t, cell.row, away + 1);
        *to = pp_peerset_place(&t->r.table, &order, &after);
    }
}

size_t pp_tree_siblings(const struct pp_tree *t)
{
    return t->r.table.n < t->net->siblings ? t->r.table.n : t->net->siblings;
}

bool pp_tree_is_sibling(const struct pp_tree *t, const struct pp_id *id)
{
    struct pp_order order = pp_roster_order(&t->r);
    int at = pp_peerset_find(&t->r.table, &order, id);
    return at >= 0 && (size_t)at < t->net->siblings;
}

void pp_tree_cell(const struct pp_tree *t, struct pp_cell cell, size_t *from, size_t *to)
{
    size_t siblings = pp_tree_siblings(t);
    pp_tree_run(t, cell, from, to);
    *from = *from < siblings ? siblings : *from;
    *to = *to < *from ? *from : *to;
}

bool pp_tree_edge(const struct pp_tree *t, struct pp_cell *cell)
{
    if (t->r.table.n < t->net->siblings) {
        return false;
    }
    *cell = pp_tree_cell_of(t, &t->r.table.at[t->net->siblings - 1].peer.id);
    return true;
}

struct pp_id pp_tree_random_in(struct pp_tree *t, struct pp_cell cell)
{
    unsigned away = cell.digit ^ pp_id_digit(&t->r.m.a.self.id, cell.row, t->net->bits);
    struct pp_id id = corner(t, cell.row, away);
    uint64_t random = 0;
    for (unsigned bit = (cell.row + 1u) * t->net->bits, i = 0; bit < PP_ID_BITS; bit++, i++) {
        random = i % 64 == 0 ? pp_random_next(&t->r.m.a.random) : random >> 1;
        id.b[bit / 8] ^= (uint8_t)((random & 1) << (7 - bit % 8));
    }
    return id;
}

const struct pp_entry *pp_tree_best(const struct pp_tree *t, struct pp_cell cell)
{
    const struct pp_entry *best = NULL;
    size_t from, to;
    pp_tree_run(t, cell, &from, &to);
    for (size_t i = from; i < to; i++) {
        const struct pp_entry *entry = &t->r.table.at[i];
        bool better = !best || (entry->rtt && (!best->rtt || entry->rtt < best->rtt));
        best = better && !(entry->flags & PP_ENTRY_SUSPECT) ? entry : best;
    }
    return best;
}

/* Does it belong among the siblings, or into a cell with room? */
static bool has_place(const struct pp_tree *t, const struct pp_id *id)
{
    struct pp_order order = pp_roster_order(&t->r);
    size_t from, to;
    if (pp_peerset_place(&t->r.table, &order, id) < t->net->siblings) {
        return true;
    }
    pp_tree_cell(t, pp_tree_cell_of(t, id), &from, &to);
    return to - from < t->net->cell;
}

bool pp_tree_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag)
{
    (void)tag;
    return !pp_roster_entry(m, id) && has_place((const struct pp_tree *)m, id);
}

/* Who gives way in an overfull cell: the suspected, else the one not heard for the longest. */
static size_t weakest(const struct pp_tree *t, pp_ns now, size_t from, size_t to)
{
    size_t victim = from;
    for (size_t i = from; i < to; i++) {
        const struct pp_entry *entry = &t->r.table.at[i], *worst = &t->r.table.at[victim];
        bool suspect = entry->flags & PP_ENTRY_SUSPECT, before = worst->flags & PP_ENTRY_SUSPECT;
        if (suspect != before ? suspect : pp_entry_age(entry, now) > pp_entry_age(worst, now)) {
            victim = i;
        }
    }
    return victim;
}

static void drop(struct pp_tree *t, size_t index)
{
    struct pp_peer peer = t->r.table.at[index].peer;
    pp_peerset_remove(&t->r.table, index);
    if (t->net->ops->dropped) {
        t->net->ops->dropped(t, &peer);
    }
}

/* Cuts a cell to its size: a new sibling pushes an old one into it. */
static void trim(struct pp_tree *t, pp_ns now, struct pp_cell cell)
{
    size_t from, to;
    pp_tree_cell(t, cell, &from, &to);
    for (; to - from > t->net->cell; to--) {
        drop(t, weakest(t, now, from, to));
    }
}

void pp_tree_trim_all(struct pp_tree *t, pp_ns now)
{
    for (size_t i = t->net->siblings; i < t->r.table.n;) {
        struct pp_cell cell = pp_tree_cell_of(t, &t->r.table.at[i].peer.id);
        size_t from, to;
        trim(t, now, cell);
        pp_tree_cell(t, cell, &from, &to);
        i = to > i ? to : i + 1;
    }
}

static void insert(struct pp_tree *t, pp_ns now, const struct pp_entry *entry)
{
    struct pp_order order = pp_roster_order(&t->r);
    bool member = t->r.m.phase == PP_PHASE_MEMBER;
    int at = pp_peerset_insert(&t->r.table, &order, UINT16_MAX, entry);
    if (at < 0) {
        return;
    }
    if (t->r.table.n > t->net->siblings) {
        trim(t, now, pp_tree_cell_of(t, &t->r.table.at[t->net->siblings].peer.id));
    }
    if (member && t->r.table.n == t->net->siblings) {
        t->net->ops->outgrown(t, now);
    }
    if (member && (size_t)at < t->net->siblings) {
        pp_roster_ask_soon(&t->r, now);
    }
}

/* A full cell: whoever is suspected gives way at once; the silent one is asked whether it lives,
 * and keeps its place when it does. */
static void contest(struct pp_tree *t, pp_ns now, const struct pp_entry *entry)
{
    size_t from, to;
    pp_tree_cell(t, pp_tree_cell_of(t, &entry->peer.id), &from, &to);
    if (from == to) {
        return;
    }
    size_t weak = weakest(t, now, from, to);
    if (t->r.table.at[weak].flags & PP_ENTRY_SUSPECT) {
        drop(t, weak);
        insert(t, now, entry);
    } else {
        pp_roster_ping_silent(&t->r, now, &t->r.table.at[weak], CONTEST_SILENCE * t->net->ping);
    }
}

static void add(struct pp_roster *r, pp_ns now, const struct pp_entry *entry)
{
    struct pp_tree *t = pp_tree_of(&r->m);
    if (has_place(t, &entry->peer.id)) {
        insert(t, now, entry);
    } else {
        contest(t, now, entry);
    }
}

static bool near(const struct pp_roster *r, size_t index)
{
    return index < ((const struct pp_tree *)r)->net->siblings;
}

static bool whole(const struct pp_roster *r)
{
    return r->table.n < ((const struct pp_tree *)r)->net->siblings;
}

static void lost(struct pp_roster *r, pp_ns now, const struct pp_id *id)
{
    struct pp_tree *t = pp_tree_of(&r->m);
    struct pp_cell cell = pp_tree_cell_of(t, id);
    size_t from, to;
    pp_tree_run(t, cell, &from, &to);
    if (to - from < (t->net->cell + 1) / 2) {
        pp_tree_look_into(t, now, cell);
    }
}

#define KIND(metric_)                                                                              \
    {                                                                                              \
        .own = pp_distance_xor, .metric = metric_, .add = add, .near = near, .whole = whole,       \
        .lost = lost, .suspects = true                                                             \
    }

const struct pp_roster_kind *pp_tree_kind(unsigned bits)
{
    static const struct pp_roster_kind kinds[] = {KIND(pp_distance_xor), KIND(pp_distance_digits2),
                                                  KIND(pp_distance_digits4),
                                                  KIND(pp_distance_digits8)};
    return &kinds[bits >= 8 ? 3 : bits >= 4 ? 2 : bits >= 2 ? 1 : 0];
}
