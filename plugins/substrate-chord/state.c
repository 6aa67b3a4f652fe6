/*
 * The tables of a node and the only code that changes them: who enters, who leaves, and what
 * follows from it.
 */
#include "chord.h"

struct pp_order chord_clockwise(const struct pp_substrate_node *n)
{
    return (struct pp_order){pp_distance_clockwise, n->m.a.self.id};
}

struct pp_order chord_counter(const struct pp_substrate_node *n)
{
    return (struct pp_order){pp_distance_counter, n->m.a.self.id};
}

bool chord_lone(const struct pp_substrate_node *n)
{
    return n->s.n == 0 && n->p.n == 0;
}

bool chord_wrapped(const struct pp_substrate_node *n)
{
    if (n->s.n == 0 || n->p.n == 0) {
        return chord_lone(n);
    }
    return pp_id_equal(&n->s.at[n->s.n - 1].peer.id, &n->p.at[0].peer.id);
}

bool chord_whole(const struct pp_substrate_node *n)
{
    if (n->s.n == 0 || n->p.n == 0) {
        return chord_lone(n);
    }
    struct pp_id reach = pp_id_sub(&n->s.at[n->s.n - 1].peer.id, &n->m.a.self.id);
    struct pp_id back = pp_id_sub(&n->p.at[n->p.n - 1].peer.id, &n->m.a.self.id);
    return pp_id_compare(&reach, &back) >= 0;
}

/* S as others see it has changed: our predecessor should know soon, but once for many changes. */
static void nudge_soon(struct pp_substrate_node *n, pp_ns now)
{
    if (n->nudge_at == PP_NEVER && n->m.a.active) {
        n->nudge_at = now + PP_SECOND / 4 + pp_random_below(&n->m.a.random, PP_SECOND / 2);
    }
}

size_t chord_tables(const struct pp_member *m, struct pp_table out[PP_TABLES_MAX])
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)m;
    out[0] = (struct pp_table){&n->s, chord_clockwise(n), n->net->r};
    out[1] = (struct pp_table){&n->p, chord_counter(n), n->net->r};
    out[2] = (struct pp_table){&n->f, chord_clockwise(n), PP_ID_BITS};
    return 3;
}

void chord_suspected(struct pp_member *m, pp_ns now, const struct pp_id *id)
{
    struct pp_substrate_node *n = chord_node(m);
    struct pp_order order = chord_clockwise(n);
    if (pp_peerset_find(&n->s, &order, id) >= 0) {
        nudge_soon(n, now);
    }
}

/* Would the id find a place in the table? Beyond its last entry only when nothing can lie between:
 * else the table would no longer be all nodes of its arc. */
static bool has_place(const struct pp_table *t, const struct pp_id *id, bool beyond)
{
    size_t i = pp_peerset_place(t->set, &t->order, id);
    bool known = i < t->set->n && pp_id_equal(&t->set->at[i].peer.id, id);
    return !known && i < t->max && (i < t->set->n || beyond);
}

/* Is there a place for it in S or P? */
bool chord_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag)
{
    struct pp_table t[PP_TABLES_MAX];
    bool wrapped = chord_wrapped((const struct pp_substrate_node *)m) && m->a.active;
    chord_tables(m, t);
    return has_place(&t[0], id, wrapped || tag & CHORD_LIST_S) ||
           has_place(&t[1], id, wrapped || tag & CHORD_LIST_P);
}

static bool enter(const struct pp_table *t, const struct pp_entry *entry, bool beyond)
{
    return has_place(t, &entry->peer.id, beyond) &&
           pp_peerset_insert(t->set, &t->order, t->max, entry) >= 0;
}

static void enter_tables(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
                         uint32_t tag)
{
    struct pp_table t[PP_TABLES_MAX];
    chord_tables(&n->m, t);
    const struct pp_entry *known = pp_tables_entry(&n->m, &peer->id);
    struct pp_entry entry = known ? *known : pp_entry_now(peer, now);
    bool wrapped = chord_wrapped(n) && n->m.a.active;
    struct pp_peer old_s = n->s.n > 0 ? n->s.at[0].peer : *peer;
    struct pp_peer old_p = n->p.n > 0 ? n->p.at[0].peer : *peer;
    bool s = enter(&t[0], &entry, wrapped || tag & CHORD_LIST_S);
    bool p = enter(&t[1], &entry, wrapped || tag & CHORD_LIST_P);
    if (!n->m.a.active) {
        return;
    }
    if (s) {
        nudge_soon(n, now);
        chord_finger_prune(n);
    }
    if (s && pp_peerset_first_is(&n->s, &peer->id)) {
        chord_introduce(n, &old_s, peer);
        chord_stabilise_soon(n, now);
    }
    if (p && pp_peerset_first_is(&n->p, &peer->id)) {
        /* rectify: "tell the old predecessor of x" (Zave 2017), and x of it */
        chord_introduce(n, peer, &old_p);
        chord_introduce(n, &old_p, peer);
    }
    chord_finger_offer(n, &entry);
    pp_member_set_state(&n->m, PP_ACTIVE);
}

/* One that others do not list lives: those of ours next to it, nearer to us, are told. */
static void vouch(struct pp_substrate_node *n, const struct pp_id *id)
{
    struct pp_table t[PP_TABLES_MAX];
    chord_tables(&n->m, t);
    for (size_t i = 0; i < 2; i++) {
        int at = pp_peerset_find(t[i].set, &t[i].order, id);
        if (at > 0) {
            chord_introduce(n, &t[i].set->at[at].peer, &t[i].set->at[at - 1].peer);
        }
    }
}

void chord_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag)
{
    struct pp_substrate_node *n = chord_node(m);
    struct pp_order order = chord_clockwise(n);
    bool listed = tag & (CHORD_LIST_S | CHORD_LIST_P);
    if (pp_id_is_zero(&peer->id) || pp_id_equal(&peer->id, &n->m.a.self.id)) {
        return;
    }
    if (n->m.client || n->m.phase < PP_PHASE_MEMBER) {
        pp_peerset_remember(&n->f, &order, CHORD_KNOWN_MAX, peer, now);
        if (n->m.client) {
            pp_member_set_state(&n->m, PP_ACTIVE);
        } else if (listed && n->m.phase == PP_PHASE_ENTER) {
            enter_tables(n, now, peer, tag);
        }
        return;
    }
    if (n->m.phase != PP_PHASE_MEMBER) {
        return;
    }
    bool admitted = pp_id_equal(&peer->id, &n->admitted) && now < n->admitted_until;
    if (chord_lone(n) && !listed && !admitted) {
        pp_member_merge(&n->m, now, peer, 1);
        return;
    }
    if (admitted) {
        n->admitted_until = 0;
    }
    enter_tables(n, now, peer, tag);
    if (tag & CHORD_DISPUTE) {
        vouch(n, &peer->id);
    }
}

void chord_forget(struct pp_member *m, pp_ns now, const struct pp_id *id)
{
    struct pp_substrate_node *n = chord_node(m);
    bool successor = pp_peerset_first_is(&n->s, id);
    unsigned held = pp_tables_remove(m, id); /* bits: S, P, F */
    if (!held || m->phase != PP_PHASE_MEMBER || m->client) {
        return;
    }
    if (held & 1) {
        nudge_soon(n, now);
    }
    if (chord_lone(n) && n->f.n == 0) {
        pp_member_set_state(m, PP_ALONE);
    } else if (n->s.n == 0) {
        pp_member_set_state(m, PP_DEGRADED);
        chord_rebuild(n, now);
    } else if (successor || held & 2) {
        chord_stabilise_soon(n, now);
    }
}
