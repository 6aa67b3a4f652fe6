/*
 * What goes on in the leaf set: pings to silent leaves, a question to one of them for others near
 * us, and the goodbye. Each node finds out about deaths itself and asks those that it is told of.
 */
#include "pastry.h"

#define UPKEEP (5 * PP_SECOND)
#define PINGS 8
#define OTHERS 2 /* of the routing table */
#define STALE 5  /* times as long as a leaf may an entry of the routing table be silent */

void pastry_activated(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = pastry_node(m);
    pastry_trim(n); /* a joiner remembers more */
    n->upkeep_at = now + pp_random_jitter(&m->a.random, UPKEEP);
    n->r.ask_at = PP_NEVER;
    pp_roster_ask_soon(&n->r, now);
    n->row = 0;
    n->cell = 0;
    n->cell_wait = n->net->refresh;
    for (unsigned row = 0; row < pastry_rows(n); row++) {
        pastry_ask_row(n, now, row);
    }
    n->row_at = now + pp_random_jitter(&m->a.random, n->net->refresh);
    n->cell_at = now + pp_random_jitter(&m->a.random, 2 * PP_SECOND);
}

/* Silent leaves, nearest first, and some of the routing table. Once somebody
 * has died all are asked sooner: failures come together. */
static void ping_silent(struct pp_substrate_node *n, pp_ns now)
{
    const struct pp_peerset *t = &n->r.table;
    pp_ns silence = n->net->heartbeat - n->net->heartbeat / 8;
    bool trouble = now < n->r.m.trouble_until;
    unsigned leaves = PINGS + n->net->half / 4, others = trouble ? PINGS : OTHERS;
    for (size_t i = 0; i < t->n; i++) {
        const struct pp_entry *entry = &t->at[i % 2 ? t->n - 1 - i / 2 : i / 2];
        bool leaf = pastry_is_leaf(n, (size_t)(entry - t->at));
        unsigned *left = leaf ? &leaves : &others;
        if (*left > 0) {
            *left -= pp_roster_ping_silent(&n->r, now, entry,
                                           leaf || trouble ? silence : STALE * silence);
        }
    }
}

/* Whom do you know near me, or near yourself? One leaf a time. */
static void ask_leaf(struct pp_substrate_node *n, pp_ns now)
{
    const struct pp_peerset *t = &n->r.table;
    size_t leaves = t->n < 2 * n->net->half ? t->n : 2 * n->net->half;
    if (leaves == 0) {
        return;
    }
    size_t at = pp_random_below(&n->r.m.a.random, leaves);
    const struct pp_entry *whom = &t->at[at < n->net->half ? at : t->n - 1 - (leaves - 1 - at)];
    struct pp_id id = pp_random_below(&n->r.m.a.random, 2) ? n->r.m.a.self.id : whom->peer.id;
    pp_roster_ask(&n->r, now, whom, &id);
}

void pastry_tick(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = pastry_node(m);
    if (m->phase != PP_PHASE_MEMBER) {
        return;
    }
    if (now >= n->upkeep_at) {
        n->upkeep_at = now + pp_random_jitter(&m->a.random, UPKEEP);
        ping_silent(n, now);
    }
    if (pp_roster_ask_due(&n->r, now, 2 * n->net->heartbeat)) {
        ask_leaf(n, now);
    }
    pastry_cells_tick(n, now);
}

pp_ns pastry_next(const struct pp_member *m)
{
    const struct pp_substrate_node *n = pastry_of(m);
    if (m->phase != PP_PHASE_MEMBER) {
        return PP_NEVER;
    }
    pp_ns at = pp_sooner(pp_sooner(n->upkeep_at, n->r.ask_at), n->row_at);
    return n->looking ? at : pp_sooner(at, n->cell_at);
}

bool pastry_goodbye(struct pp_member *m, pp_ns now)
{
    (void)now;
    pp_member_tell_all(m, PASTRY_LEAVE);
    return false;
}
