/*
 * Where a key belongs: the entry that prefix routing goes by (Rowstron and Druschel 2001, section
 * 2.3), beside the nearest that we know, and whether we are among the k nearest. Changes nothing.
 */
#include "pastry.h"

enum pp_covers pastry_covers(const struct pp_substrate_node *n, const struct pp_id *key, unsigned k)
{
    const struct pp_id *self = &n->r.m.a.self.id;
    if (!n->r.m.a.active) {
        return PP_COVERS_UNKNOWN;
    }
    size_t sure, all = pp_roster_count_nearer(&n->r, key, &sure);
    if (sure >= k) {
        return PP_COVERS_NO;
    }
    /* Whoever is nearer lies between us and our mirror image beyond the key. */
    struct pp_id ahead = pp_id_sub(key, self), mirror = pp_id_add(key, &ahead);
    struct pp_id back = pp_id_sub(self, key);
    bool right = pp_id_compare(&ahead, &back) <= 0;
    struct pp_id far =
        right ? pp_distance_clockwise(self, &mirror) : pp_distance_counter(self, &mirror);
    bool wraps = far.b[0] < (right ? ahead : back).b[0]; /* the arc is more than the ring */
    bool known = pastry_in_arc(n, &mirror, right ? PASTRY_RIGHT : PASTRY_LEFT) && !wraps;
    return known && all < k ? PP_COVERS_YES : PP_COVERS_UNKNOWN;
}

const struct pp_entry *pastry_next_hop(const struct pp_roster *r, const struct pp_id *key)
{
    const struct pp_substrate_node *n = (const struct pp_substrate_node *)r;
    bool own = pp_id_equal(key, &r->m.a.self.id);
    return own || !r->m.a.active ? NULL : pastry_cell_best(n, pastry_cell_of(n, key));
}

/* Whole digits would need the network's b, which a key has not; more bits are no fewer digits. */
static unsigned ahead(const struct pp_id *key, const struct pp_id *id)
{
    return pp_id_shared_bits(key, id);
}

/* A look-up had no answer from one of our leaves: a hole in the leaf set costs more than one more
 * question. */
static void silent(struct pp_agent *a, pp_ns now, const struct pp_peer *peer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    const struct pp_entry *entry = pp_roster_entry(&n->r.m, &peer->id);
    if (!entry || !pastry_is_leaf(n, (size_t)(entry - n->r.table.at))) {
        pp_member_ask_dead(a, now, peer);
    } else if (!pp_rpc_pending(a, &entry->peer, PP_WIRE_PING)) {
        pp_member_ping(&n->r.m, now, &entry->peer, 0);
    }
}

/* Mean gap of the k nearest: they lie on both sides of the key. */
static uint64_t spacing(const struct pp_agent *a, const struct pp_id *key,
                        const struct pp_peer *peers, size_t n)
{
    (void)a;
    if (n == 0) {
        return 0;
    }
    struct pp_id far = pp_distance_ring(key, &peers[n - 1].id);
    return pp_id_high(&far) / n * 2;
}

const struct pp_lookup_ops pastry_lookup_ops = {.rank = pp_roster_rank_peer,
                                                .seed = pp_roster_seed,
                                                .ahead = ahead,
                                                .spacing = spacing,
                                                .fresh = pp_member_fresh,
                                                .rto = pp_member_ask_rto,
                                                .doubted = pp_member_doubted,
                                                .late = pp_member_ask_late,
                                                .dead = silent};
