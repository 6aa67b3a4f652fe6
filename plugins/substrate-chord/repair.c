/*
 * Keeping the ring right: stabilise, and its mirror image for predecessors (rectify; Zave 2017).
 * One request a period in a quiet ring: both sides compare digests and send lists only when they
 * differ. What we hold and our successor does not list is asked itself, never believed dead.
 */
#include "chord.h"

#include "messages.h"

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

void chord_on_introduce(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                        struct pp_reader *body)
{
    struct pp_peer peer;
    pp_read_peer(body, &peer);
    if (pp_read_done(body) && n->m.a.active && now >= n->introduce_at) {
        n->introduce_at = now + INTRODUCE_GAP;
        pp_member_candidate(&n->m, now, &peer, &rx->from, 0);
    }
}

static bool lists(const struct pp_page *page, const struct pp_id *id)
{
    for (size_t i = 0; i < page->n; i++) {
        if (pp_id_equal(&page->peers[i].id, id)) {
            return true;
        }
    }
    return false;
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
        if ((whole || pp_id_compare(&d, &limit) < 0) && !lists(page, &entry->peer.id) &&
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
    struct chord_list m;
    if (pp_member_answered(&n->m, now, answer) && chord_read_list(&answer->body, &m) == PP_OK) {
        const struct pp_peer *from = &answer->rx->from;
        bool p = m.what & 1;
        if (m.page.more && m.page.n > 0 && m.page.from + m.page.n <= PP_K_MAX) {
            chord_fetch(n, now, from, p, (uint8_t)(m.page.from + m.page.n), answer->tag);
        }
        bool first = p && chord_first_is(&n->p, &from->id);
        if (first && n->m.a.active && m.page.from == 0) {
            struct pp_table t = {&n->p, chord_counter(n), n->net->r};
            dispute(n, now, &t, &m.page);
        }
        take_list(n, now, from, &m.page, answer->tag);
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
    struct chord_state m = {p, from};
    pp_agent_begin(&n->m.a, &w, CHORD_STATE);
    chord_write_state(&w, &m);
    struct pp_request request = {.to = peer,
                                 .rto = pp_member_rto(&n->m, &peer->id),
                                 .done = on_states,
                                 .owner = &n->m,
                                 .tag = tag};
    if (!pp_rpc_pending(&n->m.a, peer, CHORD_STATE) &&
        pp_rpc_send(&n->m.a, now, &request, &w) == PP_OK) {
        n->m.pinging++;
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
    if (!pp_member_answered(&n->m, now, answer)) {
        return;
    }
    const struct pp_peer from = answer->rx->from;
    if (chord_read_stabilised(&answer->body, &m) != PP_OK || n->m.phase != PP_PHASE_MEMBER) {
        return;
    }
    if (!chord_first_is(&n->s, &from.id)) {
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
        if (m.page.more && m.page.n > 0) {
            chord_fetch(n, now, &from, false, m.page.n, CHORD_LIST_S);
        }
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
    for (int i = 0; i < (trouble ? TROUBLE_PINGS : 1); i++) {
        const struct pp_entry *entry = neglected(n, now, trouble ? 2 * period : 8 * period);
        if (!entry) {
            break;
        }
        pp_member_ping(&n->m, now, &entry->peer, 0);
    }
}

void chord_stabilise(struct pp_substrate_node *n, pp_ns now)
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
    struct chord_stabilise m = {chord_digest(n, NULL, &n->s, NULL),
                                chord_digest(n, &n->m.a.self.id, &n->p, &s->id)};
    pp_agent_begin(&n->m.a, &w, CHORD_STABILISE);
    chord_write_stabilise(&w, &m);
    struct pp_request request = {
        .to = s, .rto = pp_entry_rto(&n->s.at[0]), .done = on_stabilised, .owner = &n->m};
    n->stabilising = pp_rpc_send(&n->m.a, now, &request, &w) == PP_OK;
}

void chord_on_stabilise(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                        const struct pp_header *header, struct pp_reader *body)
{
    struct chord_stabilise m;
    struct pp_writer w;
    struct pp_peer peers[PP_K_MAX];
    const struct pp_id *id = &rx->from.id;
    if (!n->m.a.active || chord_read_stabilise(body, &m) != PP_OK) {
        return;
    }
    if (n->p.n == 0) { /* rectify: a lost predecessor is replaced by whoever follows us now */
        chord_learn(&n->m, now, &rx->from, CHORD_LIST_P);
    }
    bool first = chord_first_is(&n->p, id);
    bool told = n->p.n > 0 && !first && !(n->p.at[0].flags & PP_ENTRY_SUSPECT);
    bool same = m.s == chord_digest(n, &n->m.a.self.id, &n->s, id);
    size_t count = pp_peerset_peers(&n->s, peers, PP_K_MAX);
    pp_agent_begin_reply(&n->m.a, &w, header);
    chord_write_stabilised(&w, same, told ? &n->p.at[0].peer : NULL, peers, count);
    pp_agent_send(&n->m.a, &rx->from, &w);
    if (first && m.p != chord_digest(n, NULL, &n->p, NULL)) {
        chord_fetch(n, now, &rx->from, true, 0, CHORD_LIST_P);
    }
}

/* Our successor's list has lost somebody. */
void chord_on_nudge(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                    struct pp_reader *body)
{
    uint64_t digest = pp_read64(body);
    if (pp_read_done(body) && n->m.a.active && chord_first_is(&n->s, &rx->from.id) &&
        digest != chord_digest(n, NULL, &n->s, NULL)) {
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
        pp_write64(&w, chord_digest(n, &n->m.a.self.id, &n->s, &to->id));
        pp_agent_send(&n->m.a, to, &w);
    }
}

void chord_repair_tick(struct pp_substrate_node *n, pp_ns now)
{
    if (now >= n->stabilise_at) {
        chord_stabilise(n, now);
    }
    if (now >= n->nudge_at) {
        nudge(n);
    }
}
