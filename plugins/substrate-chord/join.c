/*
 * Joining (Stoica et al. 2003, section IV.E.1, as corrected by Zave 2017): find our successor and
 * the whole list after it, each member of which has answered us; ask the successor to be let in,
 * which lets one joiner at a time into a gap and gives its predecessors; ping those; then be
 * active, and say so to all of the lists.
 */
#include "chord.h"

#include "messages.h"

#define ADMIT_TIME (5 * PP_SECOND)
#define RETRY_FIRST (PP_SECOND / 2)

static void on_sought(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                      const struct pp_result *result);

static void seek(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *seeds, size_t k)
{
    struct pp_lookup_request request = {.key = &n->a.self.id,
                                        .k = n->net->r,
                                        .paths = 1,
                                        .done = on_sought,
                                        .seeds = seeds,
                                        .n_seeds = k};
    pp_peerset_free(&n->s);
    pp_peerset_free(&n->p);
    n->phase = CHORD_SEEK;
    n->retry_at = PP_NEVER;
    if (pp_lookup_start(&n->a, now, &request) != PP_OK) {
        n->phase = CHORD_OUT;
        chord_set_state(n, PP_ALONE);
    }
}

void chord_join(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *contacts, size_t k)
{
    n->retries = 0;
    chord_set_state(n, PP_JOINING);
    seek(n, now, contacts, k);
}

/* Later again, through the peers met meanwhile. */
static void retry(struct pp_substrate_node *n, pp_ns now)
{
    pp_ns wait = RETRY_FIRST << (n->retries < 4 ? n->retries : 4);
    n->retries = (uint8_t)(n->retries < UINT8_MAX ? n->retries + 1 : UINT8_MAX);
    n->phase = CHORD_SEEK;
    n->retry_at = now + pp_random_jitter(&n->a.random, wait);
}

void chord_join_tick(struct pp_substrate_node *n, pp_ns now)
{
    if (now >= n->retry_at) {
        seek(n, now, NULL, 0);
    }
}

static void on_joined(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    struct chord_joined m;
    if (answer->code == PP_AGAIN || n->phase != CHORD_ASK) {
        return;
    }
    if (answer->code != PP_OK || chord_read_joined(&answer->body, &m) != PP_OK) {
        retry(n, now);
        return;
    }
    if (m.verdict == CHORD_REFERRED && m.page.n > 0) {
        seek(n, now, m.page.peers, m.page.n);
        return;
    }
    if (m.verdict != CHORD_GRANT && m.verdict != CHORD_WHOLE) {
        retry(n, now);
        return;
    }
    const struct pp_peer successor = answer->rx->from;
    n->phase = CHORD_LEARN;
    n->pinging++; /* not settled before the whole list is taken */
    if (m.verdict == CHORD_WHOLE) {
        chord_learn(n, now, &successor, CHORD_LIST_P);
    }
    for (size_t i = 0; i < m.page.n; i++) {
        chord_candidate(n, now, &m.page.peers[i], &successor, CHORD_LIST_P);
    }
    if (m.page.more && m.page.n > 0) {
        chord_fetch(n, now, &successor, true, m.page.n, CHORD_LIST_P);
    }
    n->pinging--;
    chord_pump(n, now);
}

static void ask_in(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *successor)
{
    struct pp_writer w;
    pp_agent_begin(&n->a, &w, CHORD_JOIN);
    struct pp_request request = {
        .to = successor, .rto = chord_rto(n, &successor->id), .done = on_joined, .owner = n};
    n->phase = CHORD_ASK;
    if (pp_rpc_send(&n->a, now, &request, &w) != PP_OK) {
        retry(n, now);
    }
}

static void on_sought(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                      const struct pp_result *result)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    (void)lookup;
    if (n->phase != CHORD_SEEK) {
        return;
    }
    if (result->n_peers == 0) {
        if (n->f.n > 0 && n->retries < 5) {
            retry(n, now);
            return;
        }
        n->phase = CHORD_OUT;
        chord_set_state(n, PP_ALONE);
        return;
    }
    if (pp_id_equal(&result->peers[0].id, &n->a.self.id)) {
        n->phase = CHORD_OUT;
        chord_set_state(n, PP_REFUSED);
        return;
    }
    n->phase = CHORD_ASK;
    for (size_t i = 0; i < result->n_peers; i++) {
        chord_learn(n, now, &result->peers[i], CHORD_LIST_S);
    }
    ask_in(n, now, &result->peers[0]);
}

/* A ping to everybody in the lists: from now on it says "active". */
static void announce(struct pp_substrate_node *n, pp_ns now)
{
    for (size_t i = 0; i < n->s.n || i < n->p.n; i++) {
        if (i < n->s.n) {
            pp_candidates_add(&n->candidates, &n->s.at[i].peer, 0);
        }
        if (i < n->p.n) {
            pp_candidates_add(&n->candidates, &n->p.at[i].peer, 0);
        }
    }
    chord_pump(n, now);
}

void chord_become_active(struct pp_substrate_node *n, pp_ns now)
{
    n->phase = CHORD_MEMBER;
    n->a.active = true;
    n->retry_at = PP_NEVER;
    n->stabilise_at = now;
    n->finger_at = now + pp_random_jitter(&n->a.random, PP_SECOND);
    n->finger_pass = true;
    chord_finger_prune(n);
    chord_set_state(n, PP_ACTIVE);
    announce(n, now);
}

void chord_join_settled(struct pp_substrate_node *n, pp_ns now)
{
    if (n->client && n->state != PP_LEFT) {
        chord_set_state(n, n->f.n ? PP_ACTIVE : PP_ALONE);
    }
    if (n->phase != CHORD_LEARN) {
        return;
    }
    if (n->s.n == 0) {
        retry(n, now);
    } else {
        chord_become_active(n, now);
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
    if (!n->a.active) {
        return;
    }
    size_t count = without(peers, pp_peerset_peers(&n->p, peers, PP_K_MAX), id);
    enum chord_verdict verdict = chord_wrapped(n) ? CHORD_WHOLE : CHORD_GRANT;
    if (now < n->admitted_until && !pp_id_equal(id, &n->admitted)) {
        verdict = CHORD_WAIT;
        count = 0;
    } else if (count > 0 && !pp_id_in(id, &peers[0].id, &n->a.self.id)) {
        verdict = CHORD_REFERRED;
        count = 1;
    } else {
        n->admitted = *id;
        n->admitted_until = now + ADMIT_TIME;
    }
    pp_agent_begin_reply(&n->a, &w, header);
    chord_write_joined(&w, verdict, peers, count);
    pp_agent_send(&n->a, &rx->from, &w);
}

void chord_on_state(struct pp_substrate_node *n, const struct pp_rx *rx,
                    const struct pp_header *header, struct pp_reader *body)
{
    struct chord_state m;
    struct pp_writer w;
    struct pp_peer peers[PP_K_MAX];
    if (!n->a.active || chord_read_state(body, &m) != PP_OK) {
        return;
    }
    size_t count = pp_peerset_peers(m.p ? &n->p : &n->s, peers, PP_K_MAX);
    pp_agent_begin_reply(&n->a, &w, header);
    chord_write_states(&w, m.p, peers, count, m.from);
    pp_agent_send(&n->a, &rx->from, &w);
}
