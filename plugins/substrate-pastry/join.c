/*
 * Joining (Rowstron and Druschel 2001, section 2.4; Haeberlen et al. 2005 and Lu, Merz, Weidenbach
 * 2011 on why both neighbours must grant it): the look-up of our own id has brought the nodes
 * nearest to it; the left neighbour, then the right one is asked to let us in, each grants one
 * joiner at a time for the gap beside it; whoever they name near us is pinged; when all have
 * answered and the two that granted are still the next to us, we are active. Asking left before
 * right lets no two joiners of one gap wait for each other.
 */
#include "pastry.h"

#define GRANT_TIME (10 * PP_SECOND)
#define ASKS_MAX 8 /* neighbours asked before the place is looked up afresh */

static const struct pp_peer *neighbour(const struct pp_substrate_node *n, enum pastry_side side)
{
    const struct pp_peerset *t = &n->r.table;
    for (size_t i = 0; i < t->n; i++) {
        const struct pp_entry *entry = &t->at[side == PASTRY_RIGHT ? i : t->n - 1 - i];
        if (!(entry->flags & PP_ENTRY_SUSPECT)) {
            return &entry->peer;
        }
    }
    return NULL;
}

/* ---- the joiner ---- */

static void on_joined(struct pp_agent *a, pp_ns now, struct pp_answer *answer);

static void ask_in(struct pp_substrate_node *n, pp_ns now, enum pastry_side side)
{
    struct pp_member *m = &n->r.m;
    const struct pp_peer *to = neighbour(n, side);
    struct pp_writer w;
    n->step = side == PASTRY_LEFT ? PASTRY_ASK_LEFT : PASTRY_ASK_RIGHT;
    if (!to || n->asked++ >= ASKS_MAX) {
        pp_member_retry(m, now);
        return;
    }
    pp_agent_begin(&m->a, &w, PASTRY_JOIN);
    pastry_write_join(&w, side);
    struct pp_request request = {.to = to,
                                 .rto = pp_member_rto(m, &to->id),
                                 .done = on_joined,
                                 .owner = m,
                                 .tag = (uint32_t)side};
    if (pp_rpc_send(&m->a, now, &request, &w) != PP_OK) {
        pp_member_retry(m, now);
    }
}

void pastry_place(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    struct pp_substrate_node *n = pastry_node(m);
    pp_member_learn_all(m, now, result);
    n->asked = 0;
    ask_in(n, now, PASTRY_LEFT);
}

static void on_joined(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_member *m = (struct pp_member *)a;
    struct pp_substrate_node *n = pastry_node(m);
    struct pastry_joined reply;
    struct pp_id id = answer->peer->id;
    if (answer->code == PP_AGAIN || m->phase != PP_PHASE_ENTER) {
        return;
    }
    if (answer->code != PP_OK) {
        pp_member_silent(m, now, answer->peer);
        ask_in(n, now, PASTRY_LEFT);
        return;
    }
    if (pastry_read_joined(&answer->body, &reply) != PP_OK || reply.verdict == PASTRY_WAIT) {
        pp_member_retry(m, now);
        return;
    }
    bool left = answer->tag == PASTRY_LEFT, granted = reply.verdict == PASTRY_GRANT;
    *(left ? &n->left : &n->right) = id;
    pp_member_candidates(m, now, &reply.page, &answer->rx->from, 0);
    n->step = granted ? PASTRY_PROBE : PASTRY_ASK_AGAIN;
    if (granted && left) {
        ask_in(n, now, PASTRY_RIGHT);
    } else {
        pp_member_pump(m, now); /* goes on once nobody is being pinged */
    }
}

void pastry_settled(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = pastry_node(m);
    if (m->phase != PP_PHASE_ENTER || n->step < PASTRY_ASK_AGAIN) {
        return;
    }
    const struct pp_peer *left = neighbour(n, PASTRY_LEFT), *right = neighbour(n, PASTRY_RIGHT);
    bool same =
        left && right && pp_id_equal(&left->id, &n->left) && pp_id_equal(&right->id, &n->right);
    if (n->step == PASTRY_PROBE && same) {
        pp_member_activate(m, now);
    } else {
        ask_in(n, now, PASTRY_LEFT);
    }
}

/* ---- the neighbour ---- */

/* We are the joiner's `side` neighbour: is there nobody between us, and nobody else entering? */
static enum pastry_verdict judge(struct pp_substrate_node *n, pp_ns now, const struct pp_id *id,
                                 enum pastry_side side)
{
    const struct pp_id *self = &n->r.m.a.self.id;
    const struct pp_peer *next = neighbour(n, side == PASTRY_LEFT ? PASTRY_RIGHT : PASTRY_LEFT);
    bool beside = !next || (side == PASTRY_LEFT ? pp_id_in(id, self, &next->id)
                                                : pp_id_in(id, &next->id, self));
    if (!beside) {
        return PASTRY_REFERRED;
    }
    bool entered = pp_roster_entry(&n->r.m, &n->granted[side]) != NULL;
    if (!entered && now < n->granted_until[side] && !pp_id_equal(id, &n->granted[side])) {
        return PASTRY_WAIT;
    }
    n->granted[side] = *id;
    n->granted_until[side] = now + GRANT_TIME;
    return PASTRY_GRANT;
}

void pastry_on_join(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                    const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = pastry_node(m);
    enum pastry_side side;
    struct pp_peer peers[PP_PAGE_MAX];
    struct pp_writer w;
    if (!n->r.m.a.active || pastry_read_join(body, &side) != PP_OK) {
        return;
    }
    enum pastry_verdict verdict = judge(n, now, &rx->from.id, side);
    size_t count = pp_roster_nearest(&n->r, &rx->from.id, PP_PAGE_MAX, peers);
    pp_agent_begin_reply(&n->r.m.a, &w, header);
    pastry_write_joined(&w, verdict, peers, count);
    pp_agent_send(&n->r.m.a, &rx->from, &w);
}
