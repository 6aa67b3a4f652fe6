/*
 * Backpointers: nodes in whose tables we stand. They are told when we leave, with nodes that may
 * take our place, and named to joiners. One is forgotten when its owner says so, is dead, or has
 * not been heard for a lease.
 */
#include "tapestry.h"

#include <stdlib.h>

#define POINTS_A_ROUND 16
#define REPLACEMENTS 8

static void renew(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer)
{
    struct pp_order order = pp_roster_order(&n->t.r);
    int at = pp_peerset_find(&n->backpointers, &order, &peer->id);
    if (at >= 0) {
        n->backpointers.at[at].peer = *peer;
        pp_entry_heard(&n->backpointers.at[at], now, 0);
    }
}

static void remove_one(struct pp_substrate_node *n, const struct pp_id *id)
{
    struct pp_order order = pp_roster_order(&n->t.r);
    int at = pp_peerset_find(&n->backpointers, &order, id);
    if (at >= 0) {
        pp_peerset_remove(&n->backpointers, (size_t)at);
    }
}

size_t tapestry_peers(const struct pp_member *m, struct pp_peer *out, size_t cap)
{
    const struct pp_substrate_node *n = (const struct pp_substrate_node *)m;
    size_t count = pp_roster_peers(m, out, cap);
    for (size_t i = 0; i < n->backpointers.n && count < cap; i++) {
        if (!pp_roster_entry(m, &n->backpointers.at[i].peer.id)) {
            out[count++] = n->backpointers.at[i].peer;
        }
    }
    return count;
}

void tapestry_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag)
{
    struct pp_substrate_node *n = tapestry_node(m);
    bool known = pp_roster_entry(m, &peer->id) != NULL;
    tapestry_unpin(n, &peer->id);
    renew(n, now, peer);
    pp_roster_learn(m, now, peer, tag);
    if (!known && m->phase == PP_PHASE_MEMBER && pp_tree_is_sibling(&n->t, &peer->id)) {
        tapestry_hurry(n, now);
    }
}

void tapestry_forget(struct pp_member *m, pp_ns now, const struct pp_id *id)
{
    struct pp_id gone = *id;
    remove_one(tapestry_node(m), &gone);
    pp_roster_forget(m, now, &gone);
}

void tapestry_on_point(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                       const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = tapestry_node(m);
    struct pp_order order = pp_roster_order(&n->t.r);
    struct pp_entry entry = pp_entry_now(&rx->from, now);
    struct pp_writer w;
    bool points = pp_read8(body) & 1;
    if (!pp_read_done(body)) {
        return;
    }
    if (!points) {
        remove_one(n, &rx->from.id);
    } else if (header->flags & PP_WIRE_ACTIVE) {
        pp_peerset_insert(&n->backpointers, &order, TAPESTRY_BACKPOINTERS, &entry);
    }
    pp_agent_begin_reply(&n->t.r.m.a, &w, header);
    pp_agent_send(&n->t.r.m.a, &rx->from, &w);
}

static void on_pointed(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_member *m = (struct pp_member *)a;
    struct pp_entry *entry = pp_roster_entry(m, &answer->peer->id);
    if (entry && answer->code != PP_OK && answer->code != PP_AGAIN) {
        entry->flags &= (uint8_t)~TAPESTRY_POINTED;
    }
    pp_member_answered(m, now, answer);
}

static void tell(struct pp_substrate_node *n, pp_ns now, struct pp_entry *entry)
{
    struct pp_writer w;
    entry->flags |= TAPESTRY_POINTED;
    pp_agent_begin(&n->t.r.m.a, &w, TAPESTRY_POINT);
    pp_write8(&w, 1);
    struct pp_request request = {
        .to = &entry->peer, .rto = pp_entry_rto(entry), .done = on_pointed, .owner = &n->t.r.m};
    pp_rpc_send(&n->t.r.m.a, now, &request, &w);
}

static void expire(struct pp_substrate_node *n, pp_ns now)
{
    for (size_t i = n->backpointers.n; i-- > 0;) {
        if (pp_entry_age(&n->backpointers.at[i], now) > TAPESTRY_LEASE) {
            pp_peerset_remove(&n->backpointers, i);
        }
    }
}

void tapestry_point(struct pp_substrate_node *n, pp_ns now)
{
    size_t told = 0;
    for (size_t i = 0; i < n->t.r.table.n && told < POINTS_A_ROUND; i++) {
        if (!(n->t.r.table.at[i].flags & TAPESTRY_POINTED)) {
            tell(n, now, &n->t.r.table.at[i]);
            told++;
        }
    }
    expire(n, now);
}

void tapestry_dropped(struct pp_tree *t, const struct pp_peer *peer)
{
    struct pp_writer w;
    if (t->r.m.phase == PP_PHASE_MEMBER) {
        pp_agent_begin(&t->r.m.a, &w, TAPESTRY_POINT);
        pp_write8(&w, 0);
        pp_agent_send(&t->r.m.a, peer, &w);
    }
}

/* ---- leaving ---- */

bool tapestry_goodbye(struct pp_member *m, pp_ns now)
{
    struct pp_peer near[REPLACEMENTS], known[PP_CANDIDATES_MAX + TAPESTRY_BACKPOINTERS];
    size_t count = pp_roster_peers(m, near, REPLACEMENTS);
    size_t all = tapestry_peers(m, known, sizeof known / sizeof *known);
    (void)now;
    for (size_t i = 0; i < all; i++) {
        struct pp_writer w;
        pp_agent_begin(&m->a, &w, TAPESTRY_LEAVE);
        pp_write_page(&w, near, count, 0, NULL, 0);
        pp_agent_send(&m->a, &known[i], &w);
    }
    return false;
}

void tapestry_on_leave(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                       const struct pp_header *header, struct pp_reader *body)
{
    struct pp_page page;
    (void)header;
    pp_read_page(body, &page, 0);
    if (pp_read_done(body)) {
        tapestry_forget(m, now, &rx->from.id);
        pp_member_candidates(m, now, &page, &rx->from, 0);
    }
}

void tapestry_free(struct pp_member *m)
{
    struct pp_substrate_node *n = tapestry_node(m);
    pp_peerset_free(&n->backpointers);
    free(n->pins);
    free(n->casts);
    n->pins = NULL;
    n->casts = NULL;
    n->pins_at = n->fill_until = PP_NEVER;
    pp_roster_free(m);
}
