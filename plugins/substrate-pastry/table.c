/*
 * The list of a node, leaf set and routing table in one, and the only code that changes it: who
 * enters, who gives way.
 */
#include "pastry.h"

bool pastry_is_leaf(const struct pp_substrate_node *n, size_t index)
{
    return index < n->net->half || n->r.table.n - index <= n->net->half;
}

bool pastry_in_arc(const struct pp_substrate_node *n, const struct pp_id *id, enum pastry_side side)
{
    const struct pp_peerset *t = &n->r.table;
    const struct pp_id *self = &n->r.m.a.self.id;
    size_t half = n->net->half;
    if (t->n < 2 * half) {
        return true; /* as far as we know the ring has no more */
    }
    bool left = side == PASTRY_LEFT;
    const struct pp_id *last = &t->at[left ? t->n - half : half - 1].peer.id;
    struct pp_id to_id = left ? pp_id_sub(self, id) : pp_id_sub(id, self);
    struct pp_id to_last = left ? pp_id_sub(self, last) : pp_id_sub(last, self);
    return pp_id_compare(&to_id, &to_last) <= 0;
}

struct pastry_cell pastry_cell_of(const struct pp_substrate_node *n, const struct pp_id *id)
{
    unsigned row = pp_id_shared_bits(&n->r.m.a.self.id, id) / n->net->b;
    row = row < PP_ID_BITS / n->net->b ? row : PP_ID_BITS / n->net->b - 1;
    return (struct pastry_cell){row, pp_id_digit(id, row, n->net->b)};
}

void pastry_cell_ids(const struct pp_substrate_node *n, struct pastry_cell cell, struct pp_id *low,
                     struct pp_id *high)
{
    unsigned b = n->net->b, bit = cell.row * b, shift = 8 - b - bit % 8;
    unsigned mask = ((1u << b) - 1) << shift;
    *low = n->r.m.a.self.id;
    low->b[bit / 8] = (uint8_t)((low->b[bit / 8] & ~mask) | cell.digit << shift);
    *high = *low;
    for (unsigned i = bit + b; i < PP_ID_BITS; i++) {
        low->b[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
        high->b[i / 8] |= (uint8_t)(0x80u >> i % 8);
    }
}

void pastry_cell_span(const struct pp_substrate_node *n, struct pastry_cell cell, size_t *from,
                      size_t *to)
{
    struct pp_order order = pp_roster_order(&n->r);
    struct pp_id low, high;
    pastry_cell_ids(n, cell, &low, &high);
    *from = pp_peerset_place(&n->r.table, &order, &low);
    *to = pp_peerset_place(&n->r.table, &order, &high);
    *to += *to < n->r.table.n && pp_id_equal(&n->r.table.at[*to].peer.id, &high);
}

/* The same without leaves. */
static void middle(const struct pp_substrate_node *n, struct pastry_cell cell, size_t *from,
                   size_t *to)
{
    size_t half = n->net->half, end = n->r.table.n > half ? n->r.table.n - half : 0;
    pastry_cell_span(n, cell, from, to);
    *from = *from < half ? half : *from;
    *to = *to > end ? end : *to;
    *to = *to < *from ? *from : *to;
}

/* Better to keep: not suspected, then of the smaller measured round trip. */
static bool better(const struct pp_entry *a, const struct pp_entry *b)
{
    bool suspect = a->flags & PP_ENTRY_SUSPECT, other = b->flags & PP_ENTRY_SUSPECT;
    if (suspect != other) {
        return other;
    }
    return a->rtt != 0 && (b->rtt == 0 || a->rtt < b->rtt);
}

const struct pp_entry *pastry_cell_best(const struct pp_substrate_node *n, struct pastry_cell cell)
{
    const struct pp_entry *best = NULL;
    size_t from, to;
    pastry_cell_span(n, cell, &from, &to);
    for (size_t i = from; i < to; i++) {
        const struct pp_entry *entry = &n->r.table.at[i];
        if (!(entry->flags & PP_ENTRY_SUSPECT) && (!best || better(entry, best))) {
            best = entry;
        }
    }
    return best;
}

static void trim(struct pp_substrate_node *n, struct pastry_cell cell)
{
    size_t from, to;
    middle(n, cell, &from, &to);
    for (; to > from + 1; to--) {
        bool first = better(&n->r.table.at[from], &n->r.table.at[from + 1]);
        pp_peerset_remove(&n->r.table, first ? from + 1 : from);
    }
}

void pastry_trim(struct pp_substrate_node *n)
{
    for (size_t i = n->net->half; i + n->net->half < n->r.table.n; i++) {
        trim(n, pastry_cell_of(n, &n->r.table.at[i].peer.id));
    }
}

static bool leaf_place(const struct pp_substrate_node *n, const struct pp_id *id)
{
    struct pp_order order = pp_roster_order(&n->r);
    size_t at = pp_peerset_place(&n->r.table, &order, id);
    return at < n->net->half || n->r.table.n - at < n->net->half;
}

bool pastry_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag)
{
    const struct pp_substrate_node *n = pastry_of(m);
    size_t from, to;
    if (pp_roster_entry(m, id)) {
        return false;
    }
    middle(n, pastry_cell_of(n, id), &from, &to);
    return from == to || tag & PASTRY_SPARE || leaf_place(n, id);
}

/* A filled cell: the newcomer must be nearer in the network by a quarter; old live ones win. */
static void contest(struct pp_substrate_node *n, size_t at, const struct pp_entry *entry)
{
    struct pp_order order = pp_roster_order(&n->r);
    const struct pp_entry *old = &n->r.table.at[at];
    bool nearer = entry->rtt != 0 && old->rtt != 0 && entry->rtt < old->rtt - old->rtt / 4;
    if (nearer || old->flags & PP_ENTRY_SUSPECT) {
        pp_peerset_remove(&n->r.table, at);
        pp_peerset_insert(&n->r.table, &order, UINT16_MAX, entry);
    }
}

static void add(struct pp_roster *r, pp_ns now, const struct pp_entry *entry)
{
    struct pp_substrate_node *n = pastry_node(&r->m);
    struct pp_order order = pp_roster_order(r);
    size_t from, to;
    if (leaf_place(n, &entry->peer.id)) {
        pp_peerset_insert(&r->table, &order, UINT16_MAX, entry);
        if (r->m.phase == PP_PHASE_MEMBER) {
            pastry_trim(n);
            pp_roster_ask_soon(r, now);
        }
        return;
    }
    middle(n, pastry_cell_of(n, &entry->peer.id), &from, &to);
    if (from == to) {
        pp_peerset_insert(&r->table, &order, UINT16_MAX, entry);
    } else {
        contest(n, from, entry);
    }
}

static bool near(const struct pp_roster *r, size_t index)
{
    return pastry_is_leaf((const struct pp_substrate_node *)r, index);
}

static bool whole(const struct pp_roster *r)
{
    return r->table.n < 2 * ((const struct pp_substrate_node *)r)->net->half;
}

static void lost(struct pp_roster *r, pp_ns now, const struct pp_id *id)
{
    struct pp_substrate_node *n = pastry_node(&r->m);
    pastry_cell_lost(n, now, pastry_cell_of(n, id));
}

/* Only its neighbours know a node for certain: they name it until they are sure that it is dead. */
const struct pp_roster_kind pastry_kind = {.own = pp_distance_clockwise,
                                           .metric = pp_distance_ring,
                                           .next = pastry_next_hop,
                                           .add = add,
                                           .near = near,
                                           .whole = whole,
                                           .lost = lost,
                                           .suspects = true};

size_t pastry_peers(const struct pp_member *m, struct pp_peer *out, size_t cap)
{
    const struct pp_peerset *t = &pastry_of(m)->r.table;
    size_t count = 0;
    for (size_t i = 0; i < t->n && count < cap; i++) {
        size_t at = i % 2 ? t->n - 1 - i / 2 : i / 2;
        if (!(t->at[at].flags & PP_ENTRY_SUSPECT)) {
            out[count++] = t->at[at].peer;
        }
    }
    return count;
}
