/*
 * Joining (Stoica et al. 2003, section IV.E.1, as corrected by Zave 2017): find our successor and
 * the whole list after it, each member of which has answered us; ask the successor to be let in,
 * which lets one joiner at a time into a gap and gives its predecessors; ping those; then be
 * active, and say so to all of the lists.
 */
#include "chord.h"

#include "messages.h"

#define ADMIT_TIME (5 * PP_SECOND)

/* The lists of a join that came to nothing. */
static void drop_lists(struct pp_substrate_node *n)
{
    pp_peerset_free(&n->s);
    pp_peerset_free(&n->p);
}

static void retry(struct pp_substrate_node *n, pp_ns now)
{
    drop_lists(n);
    pp_member_retry(&n->m, now);
}

static void on_joined(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    struct chord_list m;
    if (answer->code == PP_AGAIN || n->m.phase != PP_PHASE_ENTER || n->step != CHORD_ASKING) {
        return;
    }
    if (answer->code != PP_OK || chord_read_list(&answer->body, &m) != PP_OK) {
        retry(n, now);
        return;
    }
    if (m.what == CHORD_REFERRED && m.page.n > 0) {
        drop_lists(n);
        pp_member_seek(&n->m, now, m.page.peers, m.page.n);
        return;
    }
    if (m.what != CHORD_GRANT && m.what != CHORD_WHOLE) {
        retry(n, now);
        return;
    }
    const struct pp_peer successor = answer->rx->from;
    n->step = CHORD_LEARNING;
    n->m.pinging++; /* not settled before the whole list is taken */
    if (m.what == CHORD_WHOLE) {
        chord_learn(&n->m, now, &successor, CHORD_LIST_P);
    }
    pp_member_candidates(&n->m, now, &m.page, &successor, CHORD_LIST_P);
    if (m.page.more && m.page.n > 0) {
        chord_fetch(n, now, &successor, true, m.page.n, CHORD_LIST_P);
    }
    n->m.pinging--;
    pp_member_pump(&n->m, now);
}

static void ask_in(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *successor)
{
    struct pp_writer w;
    pp_agent_begin(&n->m.a, &w, CHORD_JOIN);
    struct pp_request request = {.to = successor,
                                 .rto = pp_member_rto(&n->m, &successor->id),
                                 .done = on_joined,
                                 .owner = &n->m};
    n->step = CHORD_ASKING;
    if (pp_rpc_send(&n->m.a, now, &request, &w) != PP_OK) {
        retry(n, now);
    }
}

void chord_place(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    for (size_t i = 0; i < result->n_peers; i++) {
        chord_learn(m, now, &result->peers[i], CHORD_LIST_S);
    }
    ask_in(chord_node(m), now, &result->peers[0]);
}

void chord_activated(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = chord_node(m);
    if (n->step != CHORD_LISTED) {
        drop_lists(n); /* told to found a network */
    }
    n->stabilise_at = now;
    n->finger_at = now + pp_random_jitter(&m->a.random, PP_SECOND);
    n->finger_pass = true;
    chord_finger_prune(n);
}

void chord_settled(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = chord_node(m);
    if (m->phase != PP_PHASE_ENTER || n->step != CHORD_LEARNING) {
        return;
    }
    if (n->s.n == 0) {
        retry(n, now);
    } else {
        n->step = CHORD_LISTED;
        pp_member_activate(m, now);
    }
}

static size_t without(struct pp_peer *peers, size_t n, const struct pp_id *id)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!pp_id_equal(&peers[i].id, id)) {
            peers[kept++] = peers[i];
        }
    }
    return kept;
}

void chord_on_join(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                   const struct pp_header *header)
{
    struct pp_writer w;
    struct pp_peer peers[PP_K_MAX];
    const struct pp_id *id = &rx->from.id;
    if (!n->m.a.active) {
        return;
    }
    size_t count = without(peers, pp_peerset_peers(&n->p, peers, PP_K_MAX), id);
    enum chord_verdict verdict = chord_wrapped(n) ? CHORD_WHOLE : CHORD_GRANT;
    if (now < n->admitted_until && !pp_id_equal(id, &n->admitted)) {
        verdict = CHORD_WAIT;
        count = 0;
    } else if (count > 0 && !pp_id_in(id, &peers[0].id, &n->m.a.self.id)) {
        verdict = CHORD_REFERRED;
        count = 1;
    } else {
        n->admitted = *id;
        n->admitted_until = now + ADMIT_TIME;
    }
    pp_agent_begin_reply(&n->m.a, &w, header);
    chord_write_list(&w, (uint8_t)verdict, peers, count, 0);
    pp_agent_send(&n->m.a, &rx->from, &w);
}

void chord_on_state(struct pp_substrate_node *n, const struct pp_rx *rx,
                    const struct pp_header *header, struct pp_reader *body)
{
    struct chord_state m;
    struct pp_writer w;
    struct pp_peer peers[PP_K_MAX];
    if (!n->m.a.active || chord_read_state(body, &m) != PP_OK) {
        return;
    }
    size_t count = pp_peerset_peers(m.p ? &n->p : &n->s, peers, PP_K_MAX);
    pp_agent_begin_reply(&n->m.a, &w, header);
    chord_write_list(&w, m.p, peers, count, m.from);
    pp_agent_send(&n->m.a, &rx->from, &w);
}
