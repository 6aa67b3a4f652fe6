/*
 * Where a key belongs, as the look-up engine and the collector ask: the order d(key, x), and
 * whether we are among the k nearest. Changes nothing.
 */
#include <common/tree.h>

/* Is every node of a cell among our entries? Not if it is full, or if the siblings end in it. */
static bool whole(const struct pp_tree *t, struct pp_cell cell, struct pp_cell edge)
{
    unsigned self = pp_id_digit(&t->r.m.a.self.id, cell.row, t->net->bits);
    unsigned away = cell.digit ^ self, limit = edge.digit ^ self;
    size_t from, to;
    if (cell.row > edge.row || (cell.row == edge.row && away < limit)) {
        return true;
    }
    pp_tree_cell(t, cell, &from, &to);
    return to - from < t->net->cell && !(cell.row == edge.row && away == limit);
}

/* Nodes nearer to the key than we are stand in the cells whose digit comes, from the key's digit
 * on, before ours. Do we know all of those? */
static bool all_nearer_known(const struct pp_tree *t, const struct pp_id *key)
{
    struct pp_cell edge;
    unsigned base = 1u << t->net->bits;
    if (!pp_tree_edge(t, &edge)) {
        return true;
    }
    for (unsigned row = 0; row <= edge.row; row++) {
        unsigned self = pp_id_digit(&t->r.m.a.self.id, row, t->net->bits);
        unsigned first = pp_id_digit(key, row, t->net->bits);
        for (unsigned digit = first; digit != self; digit = (digit + 1) % base) {
            if (!whole(t, (struct pp_cell){(uint8_t)row, (uint8_t)digit, 0}, edge)) {
                return false;
            }
        }
    }
    return true;
}

enum pp_covers pp_tree_covers(const struct pp_substrate_node *n, const struct pp_id *key,
                              unsigned k)
{
    const struct pp_tree *t = (const struct pp_tree *)n;
    size_t sure, all;
    if (!t->r.m.a.active) {
        return PP_COVERS_UNKNOWN;
    }
    all = pp_roster_count_nearer(&t->r, key, &sure);
    if (sure >= k) {
        return PP_COVERS_NO;
    }
    return all < k && all_nearer_known(t, key) ? PP_COVERS_YES : PP_COVERS_UNKNOWN;
}

/* Mean gap of the k nearest: their farthest distance shared out among them. */
static uint64_t spacing(const struct pp_agent *a, const struct pp_id *key,
                        const struct pp_peer *peers, size_t n)
{
    if (n == 0) {
        return 0;
    }
    struct pp_id far = ((const struct pp_roster *)a)->kind->metric(key, &peers[n - 1].id);
    return pp_id_high(&far) / n;
}

const struct pp_lookup_ops pp_tree_lookup_ops = {PP_ROSTER_LOOKUP_OPS, .spacing = spacing};
