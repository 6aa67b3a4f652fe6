/*
 * The tables of a node and the only code that changes them: who enters, who leaves, and what
 * follows from it. Knows datagrams only as pings.
 */
#include "chord.h"

#include "messages.h"

#include <common/find.h>

struct pp_order chord_clockwise(const struct pp_substrate_node *n)
{
    return (struct pp_order){pp_distance_clockwise, n->a.self.id};
}

struct pp_order chord_counter(const struct pp_substrate_node *n)
{
    return (struct pp_order){pp_distance_counter, n->a.self.id};
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
    struct pp_id reach = pp_id_sub(&n->s.at[n->s.n - 1].peer.id, &n->a.self.id);
    struct pp_id back = pp_id_sub(&n->p.at[n->p.n - 1].peer.id, &n->a.self.id);
    return pp_id_compare(&reach, &back) >= 0;
}

struct pp_entry *chord_entry(const struct pp_substrate_node *n, const struct pp_id *id)
{
    struct pp_order clockwise = chord_clockwise(n), counter = chord_counter(n);
    int i = pp_peerset_find(&n->s, &clockwise, id);
    if (i >= 0) {
        return &n->s.at[i];
    }
    i = pp_peerset_find(&n->p, &counter, id);
    if (i >= 0) {
        return &n->p.at[i];
    }
    i = pp_peerset_find(&n->f, &clockwise, id);
    return i >= 0 ? &n->f.at[i] : NULL;
}

pp_ns chord_rto(const struct pp_substrate_node *n, const struct pp_id *id)
{
    return pp_entry_rto(chord_entry(n, id));
}

void chord_set_state(struct pp_substrate_node *n, enum pp_state state)
{
    n->state = (uint8_t)state;
    if (n->state != n->told) {
        n->a.settle = true;
    }
}

/* S as others see it has changed: our predecessor should know soon, but once for many changes. */
static void nudge_soon(struct pp_substrate_node *n, pp_ns now)
{
    if (n->nudge_at == PP_NEVER && n->a.active) {
        n->nudge_at = now + PP_SECOND / 4 + pp_random_below(&n->a.random, PP_SECOND / 2);
    }
}

static void tables(struct pp_substrate_node *n, struct chord_table out[3])
{
    out[0] = (struct chord_table){&n->s, chord_clockwise(n), n->net->r};
    out[1] = (struct chord_table){&n->p, chord_counter(n), n->net->r};
    out[2] = (struct chord_table){&n->f, chord_clockwise(n), PP_ID_BITS};
}

/* One that joins under an id of our tables from elsewhere: it has a new address, or it is a second
 * one. The endpoint we know decides: if it still answers, the joiner will find that out. */
static bool elsewhere(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer)
{
    const struct pp_entry *entry = chord_entry(n, &peer->id);
    if (!entry || pp_peer_same_endpoint(&entry->peer, peer)) {
        return false;
    }
    if (!pp_rpc_pending(&n->a, &entry->peer, PP_WIRE_PING)) {
        chord_ping(n, now, &entry->peer, 0);
    }
    return true;
}

void chord_heard(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer, bool active,
                 pp_ns rtt)
{
    struct chord_table t[3];
    tables(n, t);
    pp_quarantine_lift(&n->quarantine, &peer->id);
    if (!active && (n->phase == CHORD_OUT || elsewhere(n, now, peer))) {
        return;
    }
    for (size_t i = 0; active && i < 3; i++) {
        int at = pp_peerset_find(t[i].set, &t[i].order, &peer->id);
        if (at < 0) {
            continue;
        }
        struct pp_entry *entry = &t[i].set->at[at];
        if (!pp_peer_same_endpoint(&entry->peer, peer)) {
            entry->rtt = 0;
        }
        entry->peer = *peer;
        pp_entry_heard(entry, now, rtt);
    }
    if (!active) {
        chord_forget(n, now, &peer->id);
    }
}

void chord_late(struct pp_substrate_node *n, pp_ns now, const struct pp_id *id)
{
    struct chord_table t[3];
    tables(n, t);
    for (size_t i = 0; i < 3; i++) {
        int at = pp_peerset_find(t[i].set, &t[i].order, id);
        if (at >= 0) {
            t[i].set->at[at].flags |= PP_ENTRY_SUSPECT;
            if (t[i].set == &n->s) {
                nudge_soon(n, now);
            }
        }
    }
}

/* A client's or joiner's memory of peers: all kinds, the one not heard for longest gives way. */
static void remember(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer)
{
    struct pp_order order = chord_clockwise(n);
    struct pp_entry entry = pp_entry_now(peer, now);
    if (pp_peerset_find(&n->f, &order, &peer->id) >= 0) {
        return;
    }
    if (n->f.n >= CHORD_KNOWN_MAX) {
        pp_peerset_remove(&n->f, (size_t)pp_peerset_oldest(&n->f, now));
    }
    pp_peerset_insert(&n->f, &order, CHORD_KNOWN_MAX, &entry);
}

/* Would the id find a place in the table? Beyond its last entry only when nothing can lie between:
 * else the table would no longer be all nodes of its arc. */
static bool has_place(const struct chord_table *t, const struct pp_id *id, bool beyond)
{
    size_t i = pp_peerset_place(t->set, &t->order, id);
    bool known = i < t->set->n && pp_id_equal(&t->set->at[i].peer.id, id);
    return !known && i < t->max && (i < t->set->n || beyond);
}

static bool enter(const struct chord_table *t, const struct pp_entry *entry, bool beyond)
{
    return has_place(t, &entry->peer.id, beyond) &&
           pp_peerset_insert(t->set, &t->order, t->max, entry) >= 0;
}

static void new_successor(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *old)
{
    if (old) {
        chord_introduce(n, old, &n->s.at[0].peer);
    }
    chord_stabilise_soon(n, now);
}

/* rectify: "tell the old predecessor of x" (Zave 2017), and x of it. */
static void new_predecessor(struct pp_substrate_node *n, const struct pp_peer *old)
{
    if (old) {
        chord_introduce(n, &n->p.at[0].peer, old);
        chord_introduce(n, old, &n->p.at[0].peer);
    }
}

static bool first_is(const struct pp_peerset *set, const struct pp_id *id)
{
    return set->n > 0 && pp_id_equal(&set->at[0].peer.id, id);
}

static void enter_tables(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
                         uint32_t tag)
{
    struct chord_table t[3];
    tables(n, t);
    const struct pp_entry *known = chord_entry(n, &peer->id);
    struct pp_entry entry = known ? *known : pp_entry_now(peer, now);
    bool wrapped = chord_wrapped(n) && n->a.active, had_s = n->s.n > 0, had_p = n->p.n > 0;
    struct pp_peer old_s = had_s ? n->s.at[0].peer : *peer;
    struct pp_peer old_p = had_p ? n->p.at[0].peer : *peer;
    bool s = enter(&t[0], &entry, wrapped || tag & CHORD_LIST_S);
    bool p = enter(&t[1], &entry, wrapped || tag & CHORD_LIST_P);
    if (!n->a.active) {
        return;
    }
    if (s) {
        nudge_soon(n, now);
        chord_finger_prune(n);
    }
    if (s && first_is(&n->s, &peer->id)) {
        new_successor(n, now, had_s ? &old_s : NULL);
    }
    if (p && first_is(&n->p, &peer->id)) {
        new_predecessor(n, had_p ? &old_p : NULL);
    }
    chord_finger_offer(n, &entry);
    chord_set_state(n, PP_ACTIVE);
}

void chord_learn(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer, uint32_t tag)
{
    bool listed = tag & (CHORD_LIST_S | CHORD_LIST_P);
    if (pp_id_is_zero(&peer->id) || pp_id_equal(&peer->id, &n->a.self.id)) {
        return;
    }
    if (n->client || n->phase < CHORD_MEMBER) {
        remember(n, now, peer);
        if (n->client) {
            chord_set_state(n, PP_ACTIVE);
        } else if (listed && n->phase >= CHORD_ASK) {
            enter_tables(n, now, peer, tag);
        }
        return;
    }
    if (n->phase != CHORD_MEMBER) {
        return;
    }
    bool admitted = pp_id_equal(&peer->id, &n->admitted) && now < n->admitted_until;
    if (chord_lone(n) && !listed && !admitted) {
        chord_merge(n, now, peer, 1);
        return;
    }
    if (admitted) {
        n->admitted_until = 0;
    }
    enter_tables(n, now, peer, tag);
}

/* What follows when an entry has gone. */
static void after_loss(struct pp_substrate_node *n, pp_ns now, bool successor, bool s, bool p)
{
    if (n->phase != CHORD_MEMBER || n->client) {
        return;
    }
    if (s) {
        nudge_soon(n, now);
    }
    if (chord_lone(n) && n->f.n == 0) {
        chord_set_state(n, PP_ALONE);
    } else if (n->s.n == 0) {
        chord_set_state(n, PP_DEGRADED);
        chord_rebuild(n, now);
    } else if (successor || p) {
        chord_stabilise_soon(n, now);
    }
}

void chord_forget(struct pp_substrate_node *n, pp_ns now, const struct pp_id *id)
{
    struct chord_table t[3];
    bool gone[3] = {false, false, false}, successor = first_is(&n->s, id);
    tables(n, t);
    for (size_t i = 0; i < 3; i++) {
        int at = pp_peerset_find(t[i].set, &t[i].order, id);
        if (at >= 0) {
            pp_peerset_remove(t[i].set, (size_t)at);
            gone[i] = true;
        }
    }
    if (gone[0] || gone[1] || gone[2]) {
        after_loss(n, now, successor, gone[0], gone[1]);
    }
}

void chord_dead(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer)
{
    const struct pp_entry *entry = chord_entry(n, &peer->id);
    bool moved = entry && !pp_peer_same_endpoint(&entry->peer, peer);
    if (!moved && !pp_id_is_zero(&peer->id)) {
        pp_quarantine_add(&n->quarantine, &peer->id, now);
        n->trouble_until = now + PP_MINUTE;
        chord_forget(n, now, &peer->id);
    }
}

/* One that others do not list lives: those of ours next to it, nearer to us, are told. */
static void vouch(struct pp_substrate_node *n, const struct pp_id *id)
{
    struct chord_table t[3];
    tables(n, t);
    for (size_t i = 0; i < 2; i++) {
        int at = pp_peerset_find(t[i].set, &t[i].order, id);
        if (at > 0) {
            chord_introduce(n, &t[i].set->at[at].peer, &t[i].set->at[at - 1].peer);
        }
    }
}

static void on_pong(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    struct pp_id id = answer->peer->id;
    if (answer->code == PP_AGAIN) {
        chord_late(n, now, &id);
        return;
    }
    n->pinging--;
    if (answer->code != PP_OK) {
        chord_dead(n, now, answer->peer);
    } else if (answer->rx->facts & PP_ID_PROVED && answer->header.flags & PP_WIRE_ACTIVE) {
        chord_learn(n, now, &answer->rx->from, answer->tag);
        if (answer->tag & CHORD_DISPUTE) {
            vouch(n, &id);
        }
    }
    chord_pump(n, now);
}

void chord_ping(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer, uint32_t tag)
{
    struct pp_writer w;
    pp_agent_begin(&n->a, &w, PP_WIRE_PING);
    pp_write_ping(&w, NULL);
    struct pp_request request = {
        .to = peer, .rto = chord_rto(n, &peer->id), .done = on_pong, .owner = n, .tag = tag};
    if (pp_rpc_send(&n->a, now, &request, &w) == PP_OK) {
        n->pinging++;
    }
}

void chord_pump(struct pp_substrate_node *n, pp_ns now)
{
    struct pp_candidate next;
    while (n->pinging < CHORD_PINGING_MAX && pp_candidates_take(&n->candidates, &next)) {
        chord_ping(n, now, &next.peer, next.tag);
    }
    if (n->pinging == 0) {
        chord_join_settled(n, now);
    }
}

void chord_candidate(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
                     const struct pp_peer *teller, uint32_t tag)
{
    struct chord_table t[3];
    tables(n, t);
    bool wrapped = chord_wrapped(n) && n->a.active;
    if (n->client || pp_id_equal(&peer->id, &n->a.self.id) ||
        !pp_peer_plausible(peer, teller->address) ||
        pp_quarantine_has(&n->quarantine, &peer->id, now)) {
        return;
    }
    if (has_place(&t[0], &peer->id, wrapped || tag & CHORD_LIST_S) ||
        has_place(&t[1], &peer->id, wrapped || tag & CHORD_LIST_P)) {
        pp_candidates_add(&n->candidates, peer, tag);
        chord_pump(n, now);
    }
}

static void digest_add(uint8_t *buffer, size_t *n, const struct pp_id *id)
{
    memcpy(buffer + *n * PP_ID_LEN, id->b, PP_ID_LEN);
    (*n)++;
}

uint64_t chord_digest(const struct pp_substrate_node *n, const struct pp_id *head,
                      const struct pp_peerset *set, const struct pp_id *stop)
{
    static const uint8_t key[16];
    uint8_t buffer[PP_K_MAX * PP_ID_LEN];
    size_t count = 0, max = n->net->r;
    if (head) {
        digest_add(buffer, &count, head);
    }
    for (size_t i = 0; i < set->n && count < max; i++) {
        const struct pp_entry *entry = &set->at[i];
        if (stop && pp_id_equal(&entry->peer.id, stop)) {
            break;
        }
        if (!(entry->flags & PP_ENTRY_SUSPECT)) {
            digest_add(buffer, &count, &entry->peer.id);
        }
    }
    return pp_siphash(key, buffer, count * PP_ID_LEN);
}
