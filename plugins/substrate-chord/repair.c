/*
 * Keeping the ring right: stabilise, and its mirror image for predecessors (rectify; Zave 2017).
 * One request a period in a quiet ring: both sides compare digests and send lists only when they
 * differ. What we hold and our successor does not list is asked itself, never believed dead.
 */
#include "chord.h"

#include "messages.h"

#include <common/find.h>

#define GAP PP_SECOND /* between two rounds, however much happens */
#define TROUBLE_PINGS 4
#define INTRODUCE_GAP (PP_SECOND / 4) /* else a bad member would have us ping whom it likes */
#define BACK_STEPS 3                  /* predecessors found before we look our place up afresh */

void chord_introduce(struct pp_substrate_node *n, const struct pp_peer *who,
                     const struct pp_peer *to)
{
    struct pp_writer w;
    if (pp_id_equal(&who->id, &to->id)) {
        return;
    }
    pp_agent_begin(&n->m.a, &w, CHORD_INTRODUCE);
    pp_write_peer(&w, who);
    pp_agent_send(&n->m.a, to, &w);
}

void chord_on_introduce(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                        const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = chord_node(m);
    struct pp_peer peer;
    (void)header;
    pp_read_peer(body, &peer);
    if (pp_read_done(body) && m->a.active && now >= n->introduce_at) {
        n->introduce_at = now + INTRODUCE_GAP;
        pp_member_candidate(m, now, &peer, &rx->from, 0);
    }
}

/* Entries of ours that stand within a neighbour's list but are missing there: ask them. */
static void dispute(struct pp_substrate_node *n, pp_ns now, const struct pp_table *t,
                    const struct pp_page *page)
{
    struct pp_peer asked[PP_K_MAX];
    size_t count = 0;
    if (page->n == 0) {
        return;
    }
    const struct pp_id *end = &page->peers[page->n - 1].id;
    bool whole = pp_id_equal(end, &n->m.a.self.id);
    struct pp_id limit = t->order.distance(&t->order.origin, end);
    for (size_t i = 1; i < t->set->n && count < PP_K_MAX; i++) {
        const struct pp_entry *entry = &t->set->at[i];
        struct pp_id d = t->order.distance(&t->order.origin, &entry->peer.id);
        if ((whole || pp_id_compare(&d, &limit) < 0) && !pp_page_has(page, &entry->peer.id) &&
            pp_entry_age(entry, now) > PP_SECOND && !(entry->flags & PP_ENTRY_SUSPECT)) {
            asked[count++] = entry->peer;
        }
    }
    for (size_t i = 0; i < count; i++) {
        pp_member_ping(&n->m, now, &asked[i], CHORD_DISPUTE);
    }
}

/* A neighbour's list, whose first page this is: its members become candidates of ours, up to
 * where it comes round to us. */
static void take_list(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *teller,
                      const struct pp_page *page, uint32_t tag)
{
    for (size_t i = 0; i < page->n; i++) {
        if (pp_id_equal(&page->peers[i].id, &n->m.a.self.id)) {
            return;
        }
        pp_member_candidate(&n->m, now, &page->peers[i], teller, tag);
    }
}

static void on_states(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    struct pp_page page;
    uint8_t p;
    if (pp_member_answered(&n->m, now, answer) &&
        pp_read_list(&answer->body, &p, &page, 0) == PP_OK) {
        const struct pp_peer *from = &answer->rx->from;
        chord_fetch_rest(n, now, from, p & 1, &page, answer->tag);
        if (p & 1 && pp_peerset_first_is(&n->p, &from->id) && n->m.a.active && page.from == 0) {
            struct pp_table t = {&n->p, chord_counter(n), n->net->r};
            dispute(n, now, &t, &page);
        }
        take_list(n, now, from, &page, answer->tag);
    }
    if (answer->code != PP_AGAIN) {
        n->m.pinging--;
        pp_member_pump(&n->m, now);
    }
}

void chord_fetch(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer, bool p,
                 uint8_t from, uint32_t tag)
{
    struct pp_writer w;
    pp_agent_begin(&n->m.a, &w, CHORD_STATE);
    pp_write8(&w, p);
    pp_write8(&w, from);
    if (!pp_rpc_pending(&n->m.a, peer, CHORD_STATE) &&
        pp_member_ask(&n->m, now, peer, &w, on_states, tag)) {
        n->m.pinging++;
    }
}

void chord_fetch_rest(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer, bool p,
                      const struct pp_page *page, uint32_t tag)
{
    if (page->more && page->n > 0 && page->from + page->n <= PP_K_MAX) {
        chord_fetch(n, now, peer, p, (uint8_t)(page->from + page->n), tag);
    }
}

void chord_stabilise_soon(struct pp_substrate_node *n, pp_ns now)
{
    pp_ns earliest = n->last_stabilise + GAP;
    n->stabilise_at = pp_sooner(n->stabilise_at, now > earliest ? now : earliest);
}

/* After deaths the lists are short: their far ends know what comes next. */
static void refill(struct pp_substrate_node *n, pp_ns now)
{
    if (chord_wrapped(n)) {
        return;
    }
    if (n->s.n > 0 && n->s.n < n->net->r) {
        chord_fetch(n, now, &n->s.at[n->s.n - 1].peer, false, 0, CHORD_LIST_S);
    }
    if (n->p.n > 0 && n->p.n < n->net->r) {
        chord_fetch(n, now, &n->p.at[n->p.n - 1].peer, true, 0, CHORD_LIST_P);
    }
}

static void take_predecessor(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *from,
                             const struct pp_peer *c)
{
    if (!pp_id_in(&c->id, &n->m.a.self.id, &from->id) || pp_id_equal(&c->id, &from->id) ||
        pp_id_equal(&c->id, &n->m.a.self.id)) {
        n->back_steps = 0;
        return;
    }
    if (++n->back_steps >= BACK_STEPS) {
        n->back_steps = 0;
        pp_member_merge(&n->m, now, from, 1);
    }
    pp_member_candidate(&n->m, now, c, from, 0);
}

static void on_stabilised(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    struct chord_stabilised m;
    n->stabilising = answer->code == PP_AGAIN;
    if (!pp_member_answered(&n->m, now, answer) || n->m.phase != PP_PHASE_MEMBER ||
        chord_read_stabilised(&answer->body, &m) != PP_OK) {
        return;
    }
    const struct pp_peer from = answer->rx->from;
    if (!pp_peerset_first_is(&n->s, &from.id)) {
        chord_stabilise_soon(n, now);
        return;
    }
    if (m.has_predecessor) {
        take_predecessor(n, now, &from, &m.predecessor);
    }
    if (!m.same) {
        struct pp_table t = {&n->s, chord_clockwise(n), n->net->r};
        dispute(n, now, &t, &m.page);
        take_list(n, now, &from, &m.page, CHORD_LIST_S);
        chord_fetch_rest(n, now, &from, false, &m.page, CHORD_LIST_S);
    }
    refill(n, now);
}

/* The entry of S and P that we have not heard for the longest and have not asked; NULL: none that
 * old. */
static const struct pp_entry *neglected(struct pp_substrate_node *n, pp_ns now, pp_ns age)
{
    const struct pp_entry *oldest = NULL;
    for (size_t i = 0; i < (size_t)n->s.n + n->p.n; i++) {
        const struct pp_entry *entry = i < n->s.n ? &n->s.at[i] : &n->p.at[i - n->s.n];
        if (pp_entry_age(entry, now) > age &&
            (!oldest || pp_entry_age(entry, now) > pp_entry_age(oldest, now)) &&
            !pp_rpc_pending(&n->m.a, &entry->peer, PP_WIRE_PING)) {
            oldest = entry;
        }
    }
    return oldest;
}

/* rectify's other half: a predecessor that falls silent is asked; and so is, now and then, the one
 * of our lists that we have not heard for the longest. Once somebody has died more are asked:
 * failures come together. */
static void look_after(struct pp_substrate_node *n, pp_ns now)
{
    pp_ns period = n->net->stabilise;
    bool trouble = now < n->m.trouble_until;
    if (n->p.n > 0 && pp_entry_age(&n->p.at[0], now) > period + period / 2) {
        pp_member_ping(&n->m, now, &n->p.at[0].peer, 0);
    }
    const struct pp_entry *entry;
    for (int i = trouble ? TROUBLE_PINGS : 1;
         i > 0 && (entry = neglected(n, now, trouble ? 2 * period : 8 * period)); i--) {
        pp_member_ping(&n->m, now, &entry->peer, 0);
    }
}

static void stabilise(struct pp_substrate_node *n, pp_ns now)
{
    struct pp_writer w;
    n->last_stabilise = now;
    n->stabilise_at = now + pp_random_jitter(&n->m.a.random, n->net->stabilise);
    if (chord_lone(n) || n->stabilising) {
        return;
    }
    look_after(n, now);
    if (n->s.n == 0) {
        chord_rebuild(n, now);
        return;
    }
    const struct pp_peer *s = &n->s.at[0].peer;
    pp_agent_begin(&n->m.a, &w, CHORD_STABILISE);
    pp_write64(&w, pp_peerset_digest(&n->s, n->net->r, NULL, NULL));
    pp_write64(&w, pp_peerset_digest(&n->p, n->net->r, &n->m.a.self.id, &s->id));
    n->stabilising = pp_member_ask(&n->m, now, s, &w, on_stabilised, 0);
}

void chord_on_stabilise(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                        const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = chord_node(m);
    struct pp_writer w;
    struct pp_peer peers[PP_K_MAX];
    const struct pp_id *id = &rx->from.id;
    uint64_t its_s = pp_read64(body), our_p = pp_read64(body);
    if (!m->a.active || !pp_read_done(body)) {
        return;
    }
    if (n->p.n == 0) { /* rectify: a lost predecessor is replaced by whoever follows us now */
        chord_learn(m, now, &rx->from, CHORD_LIST_P);
    }
    bool first = pp_peerset_first_is(&n->p, id);
    bool told = n->p.n > 0 && !first && !(n->p.at[0].flags & PP_ENTRY_SUSPECT);
    bool same = its_s == pp_peerset_digest(&n->s, n->net->r, &m->a.self.id, id);
    size_t count = pp_peerset_peers(&n->s, peers, PP_K_MAX);
    pp_agent_begin_reply(&m->a, &w, header);
    chord_write_stabilised(&w, same, told ? &n->p.at[0].peer : NULL, peers, count);
    pp_agent_send(&m->a, &rx->from, &w);
    if (first && our_p != pp_peerset_digest(&n->p, n->net->r, NULL, NULL)) {
        chord_fetch(n, now, &rx->from, true, 0, CHORD_LIST_P);
    }
}

/* Our successor's list has lost somebody. */
void chord_on_nudge(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                    const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = chord_node(m);
    uint64_t digest = pp_read64(body);
    (void)header;
    if (pp_read_done(body) && m->a.active && pp_peerset_first_is(&n->s, &rx->from.id) &&
        digest != pp_peerset_digest(&n->s, n->net->r, NULL, NULL)) {
        chord_stabilise_soon(n, now);
    }
}

static void nudge(struct pp_substrate_node *n)
{
    struct pp_writer w;
    n->nudge_at = PP_NEVER;
    if (n->p.n > 0) {
        const struct pp_peer *to = &n->p.at[0].peer;
        pp_agent_begin(&n->m.a, &w, CHORD_NUDGE);
        pp_write64(&w, pp_peerset_digest(&n->s, n->net->r, &n->m.a.self.id, &to->id));
        pp_agent_send(&n->m.a, to, &w);
    }
}

void chord_repair_tick(struct pp_substrate_node *n, pp_ns now)
{
    if (now >= n->stabilise_at) {
        stabilise(n, now);
    }
    if (now >= n->nudge_at) {
        nudge(n);
    }
}
