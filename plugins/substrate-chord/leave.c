/*
 * Going politely (Stoica et al. 2003, section IV.E.3): LEAVE carries the lists, so that the
 * neighbours close the gap at once; they still ask each peer that it names.
 */
#include "chord.h"

#include "messages.h"

#define LEAVE_LIST 12  /* peers of each list in a LEAVE: both fit with IPv6 */
#define LEAVE_BEHIND 3 /* predecessors whose acknowledgement we await */

static void say_goodbye(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *to,
                        bool await)
{
    struct pp_writer w;
    struct pp_peer s[LEAVE_LIST], p[LEAVE_LIST];
    size_t n_s = pp_peerset_peers(&n->s, s, LEAVE_LIST);
    size_t n_p = pp_peerset_peers(&n->p, p, LEAVE_LIST);
    pp_agent_begin(&n->m.a, &w, CHORD_LEAVE);
    pp_write_page(&w, s, n_s, 0, NULL, 0);
    pp_write_page(&w, p, n_p, 0, NULL, 0);
    if (await) {
        pp_member_part(&n->m, now, to, &w);
    } else {
        pp_agent_send(&n->m.a, to, &w);
    }
}

bool chord_goodbye(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = chord_node(m);
    m->a.active = false; /* as each of these datagrams says */
    n->stabilise_at = n->nudge_at = n->fingers.at = PP_NEVER;
    for (size_t i = 0; i < n->s.n; i++) {
        say_goodbye(n, now, &n->s.at[i].peer, i == 0);
    }
    for (size_t i = 0; i < n->p.n; i++) {
        say_goodbye(n, now, &n->p.at[i].peer, i < LEAVE_BEHIND);
    }
    return m->pinging > 0;
}

void chord_on_leave(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                    const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = chord_node(m);
    struct pp_page s, p;
    struct pp_writer w;
    pp_read_page(body, &s, 0);
    pp_read_page(body, &p, 0);
    if (!pp_read_done(body)) {
        return;
    }
    pp_agent_begin_reply(&m->a, &w, header);
    pp_agent_send(&m->a, &rx->from, &w);
    if (m->knew && m->a.active) {
        pp_member_candidates(m, now, &s, &rx->from, n->s.n == 0 ? CHORD_LIST_S : 0);
        pp_member_candidates(m, now, &p, &rx->from, n->p.n == 0 ? CHORD_LIST_P : 0);
    }
}
