/*
 * Joining (Stoica et al. 2003, section IV.E.1, as corrected by Zave 2017): find our successor and
 * the whole list after it, each member of which has answered us; ask the successor to be let in,
 * which lets one joiner at a time into a gap and gives its predecessors; ping those; then be
 * active, and say so to all of the lists.
 */
#include "chord.h"

#include "messages.h"

#include <common/find.h>

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
    struct pp_page page;
    uint8_t verdict;
    if (answer->code == PP_AGAIN || n->m.phase != PP_PHASE_ENTER || n->step != CHORD_ASKING) {
        return;
    }
    bool read = answer->code == PP_OK && pp_read_list(&answer->body, &verdict, &page, 0) == PP_OK;
    if (read && verdict == CHORD_REFERRED && page.n > 0) {
        drop_lists(n);
        pp_member_seek(&n->m, now, page.peers, page.n);
        return;
    }
    if (!read || (verdict != CHORD_GRANT && verdict != CHORD_WHOLE)) {
        retry(n, now);
        return;
    }
    const struct pp_peer successor = answer->rx->from;
    n->step = CHORD_LEARNING;
    n->m.pinging++; /* not settled before the whole list is taken */
    if (verdict == CHORD_WHOLE) {
        chord_learn(&n->m, now, &successor, CHORD_LIST_P);
    }
    pp_member_candidates(&n->m, now, &page, &successor, CHORD_LIST_P);
    chord_fetch_rest(n, now, &successor, true, &page, CHORD_LIST_P);
    n->m.pinging--;
    pp_member_pump(&n->m, now);
}

static void ask_in(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *successor)
{
    struct pp_writer w;
    pp_agent_begin(&n->m.a, &w, CHORD_JOIN);
    n->step = CHORD_ASKING;
    if (!pp_member_ask(&n->m, now, successor, &w, on_joined, 0)) {
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
    n->fingers = pp_rounds_from(now + pp_random_jitter(&m->a.random, PP_SECOND), true);
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

/* Our predecessors, but for the one who asks. */
static size_t predecessors(const struct pp_substrate_node *n, const struct pp_id *but,
                           struct pp_peer out[PP_K_MAX])
{
    size_t all = pp_peerset_peers(&n->p, out, PP_K_MAX), kept = 0;
    for (size_t i = 0; i < all; i++) {
        if (!pp_id_equal(&out[i].id, but)) {
            out[kept++] = out[i];
        }
    }
    return kept;
}

void chord_on_join(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                   const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = chord_node(m);
    struct pp_peer peers[PP_K_MAX];
    const struct pp_id *id = &rx->from.id;
    (void)body;
    if (!m->a.active) {
        return;
    }
    size_t count = predecessors(n, id, peers);
    uint8_t verdict = chord_wrapped(n) ? CHORD_WHOLE : CHORD_GRANT;
    if (now < n->admitted_until && !pp_id_equal(id, &n->admitted)) {
        verdict = CHORD_WAIT;
        count = 0;
    } else if (count > 0 && !pp_id_in(id, &peers[0].id, &m->a.self.id)) {
        verdict = CHORD_REFERRED;
        count = 1;
    } else {
        n->admitted = *id;
        n->admitted_until = now + ADMIT_TIME;
    }
    pp_member_list(m, rx, header, verdict, peers, count, 0);
}

void chord_on_state(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                    const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = chord_node(m);
    struct pp_peer peers[PP_K_MAX];
    bool p = pp_read8(body) & 1;
    uint8_t from = pp_read8(body);
    (void)now;
    if (m->a.active && pp_read_done(body)) {
        size_t count = pp_peerset_peers(p ? &n->p : &n->s, peers, PP_K_MAX);
        pp_member_list(m, rx, header, p, peers, count, from);
    }
}
