/*
 * Going politely (Stoica et al. 2003, section IV.E.3) and moving house: LEAVE carries the lists,
 * so that the neighbours close the gap at once; they still ask each peer that it names.
 */
#include "chord.h"

#include "messages.h"

#define LEAVE_LIST 12  /* peers of each list in a LEAVE: both fit with IPv6 */
#define LEAVE_BEHIND 3 /* predecessors whose acknowledgement we await */

static void left(struct pp_substrate_node *n)
{
    n->phase = CHORD_LEFT;
    n->until = PP_NEVER;
    pp_rpc_cancel(&n->a, n);
    pp_peerset_free(&n->s);
    pp_peerset_free(&n->p);
    pp_peerset_free(&n->f);
    chord_set_state(n, PP_LEFT);
}

static void on_leave_answer(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    (void)now;
    if (answer->code != PP_AGAIN && n->phase == CHORD_LEAVING && --n->pinging == 0) {
        n->until = now; /* told to leave the tables from here, which are in use: at the next tick */
    }
}

static void say_goodbye(struct pp_substrate_node *n, pp_ns now, const struct pp_entry *to,
                        bool await)
{
    struct pp_writer w;
    struct pp_peer s[LEAVE_LIST], p[LEAVE_LIST];
    size_t n_s = pp_peerset_peers(&n->s, s, LEAVE_LIST);
    size_t n_p = pp_peerset_peers(&n->p, p, LEAVE_LIST);
    pp_agent_begin(&n->a, &w, CHORD_LEAVE);
    pp_write_page(&w, s, n_s, 0, NULL, 0);
    pp_write_page(&w, p, n_p, 0, NULL, 0);
    if (!await) {
        pp_agent_send(&n->a, &to->peer, &w);
        return;
    }
    struct pp_request request = {
        .to = &to->peer, .rto = pp_entry_rto(to), .done = on_leave_answer, .owner = n};
    if (pp_rpc_send(&n->a, now, &request, &w) == PP_OK) {
        n->pinging++;
    }
}

void chord_leave(struct pp_substrate_node *n, pp_ns now, pp_ns until)
{
    bool member = n->phase == CHORD_MEMBER;
    pp_lookup_fail_all(&n->a, PP_OFFLINE, "this node is leaving the overlay");
    pp_rpc_cancel(&n->a, n);
    pp_candidates_free(&n->candidates);
    n->pinging = 0;
    n->stabilise_at = n->finger_at = n->nudge_at = n->retry_at = PP_NEVER;
    n->a.active = false;
    n->phase = CHORD_LEAVING;
    n->until = until;
    if (member) {
        for (size_t i = 0; i < n->s.n; i++) {
            say_goodbye(n, now, &n->s.at[i], i == 0);
        }
        for (size_t i = 0; i < n->p.n; i++) {
            say_goodbye(n, now, &n->p.at[i], i < LEAVE_BEHIND);
        }
    }
    if (n->pinging == 0) {
        left(n);
    }
}

void chord_leave_tick(struct pp_substrate_node *n, pp_ns now)
{
    if (n->phase == CHORD_LEAVING && now >= n->until) {
        left(n);
    }
}

void chord_on_leave(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                    const struct pp_header *header, struct pp_reader *body, bool known)
{
    struct pp_page s, p;
    struct pp_writer w;
    if (chord_read_leave(body, &s, &p) != PP_OK) {
        return;
    }
    pp_agent_begin_reply(&n->a, &w, header);
    pp_agent_send(&n->a, &rx->from, &w);
    for (size_t i = 0; known && n->a.active && i < s.n; i++) {
        chord_candidate(n, now, &s.peers[i], &rx->from, n->s.n == 0 ? CHORD_LIST_S : 0);
    }
    for (size_t i = 0; known && n->a.active && i < p.n; i++) {
        chord_candidate(n, now, &p.peers[i], &rx->from, n->p.n == 0 ? CHORD_LIST_P : 0);
    }
}

void chord_move(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *self)
{
    struct pp_id id = n->a.self.id;
    const struct pp_peerset *const sets[] = {&n->s, &n->p, &n->f};
    n->a.self = *self;
    n->a.self.id = id;
    for (size_t i = 0; !n->client && i < 3; i++) {
        for (size_t j = 0; j < sets[i]->n; j++) {
            pp_candidates_add(&n->candidates, &sets[i]->at[j].peer, 0);
        }
    }
    chord_pump(n, now);
}
