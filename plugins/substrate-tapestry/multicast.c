/*
 * The acknowledged multicast of a joiner to all nodes that share its root's prefix (Hildrum,
 * Kubiatowicz, Rao, Zhao 2002, section 4; Zhao et al. 2004, section III-C). Each node passes it to
 * one of each of its cells from the level on, so that each is reached once, contacts and pins the
 * joiner, and answers when all below it have. Whoever knows a node that shares more with the joiner
 * passes nothing on: then there is no hole to fill, and nobody can be set on a third party.
 */
#include "tapestry.h"

#include <stdlib.h>

#define CAST_TIME (30 * PP_SECOND)
#define JOIN_RTO (4 * PP_SECOND) /* of the whole multicast */
#define CHILD_RTO (2 * PP_SECOND)

static struct tapestry_cast *cast_by_serial(struct pp_substrate_node *n, uint16_t serial)
{
    for (size_t i = 0; n->casts && i < TAPESTRY_CASTS; i++) {
        if (n->casts[i].until && n->casts[i].serial == serial) {
            return &n->casts[i];
        }
    }
    return NULL;
}

static struct tapestry_cast *cast_of(struct pp_substrate_node *n, const struct pp_rx *rx,
                                     const struct pp_header *header)
{
    for (size_t i = 0; n->casts && i < TAPESTRY_CASTS; i++) {
        if (n->casts[i].until && n->casts[i].request.id == header->id &&
            pp_id_equal(&n->casts[i].parent.id, &rx->from.id)) {
            return &n->casts[i];
        }
    }
    return NULL;
}

/* An unused one, or the oldest that has ended; one that goes on is not given up. */
static struct tapestry_cast *new_cast(struct pp_substrate_node *n, pp_ns now)
{
    struct tapestry_cast *best = NULL;
    n->casts = n->casts ? n->casts : calloc(TAPESTRY_CASTS, sizeof *n->casts);
    for (size_t i = 0; n->casts && i < TAPESTRY_CASTS; i++) {
        struct tapestry_cast *cast = &n->casts[i];
        if ((cast->waiting == 0 || cast->until < now) && (!best || cast->until < best->until)) {
            best = cast;
        }
    }
    return best;
}

/* Others that fill the same hole, or shall know the joiner: those pinned, and the nodes we know
 * that share most with it. */
static void acknowledge(struct pp_substrate_node *n, const struct tapestry_cast *cast)
{
    struct pp_writer w;
    struct pp_peer peers[TAPESTRY_PINS + 4];
    size_t count = tapestry_pinned(n, &cast->joiner.id, peers);
    count += pp_roster_nearest(&n->t.r, &cast->joiner.id, 4, peers + count);
    pp_agent_begin_reply(&n->t.r.m.a, &w, &cast->request);
    pp_write_page(&w, peers, count, 0, NULL, 0);
    pp_agent_send(&n->t.r.m.a, &cast->parent, &w);
}

static void on_passed(struct pp_agent *a, pp_ns now, struct pp_answer *answer);

static bool pass_to_cell(struct pp_substrate_node *n, pp_ns now, const struct tapestry_cast *cast,
                         struct pp_cell cell)
{
    const struct pp_entry *child = pp_tree_best(&n->t, cell);
    struct pp_writer w;
    if (!child || pp_id_equal(&child->peer.id, &cast->joiner.id)) {
        return false;
    }
    pp_agent_begin(&n->t.r.m.a, &w, TAPESTRY_JOIN);
    pp_write8(&w, (uint8_t)(cell.row + 1));
    pp_write_peer(&w, &cast->joiner);
    struct pp_request request = {.to = &child->peer,
                                 .rto = CHILD_RTO,
                                 .tries = 2,
                                 .done = on_passed,
                                 .owner = &n->t.r.m,
                                 .tag = (uint32_t)cast->serial << 16 | (uint32_t)cell.row << 8 |
                                        cell.digit};
    return pp_rpc_send(&n->t.r.m.a, now, &request, &w) == PP_OK;
}

/* One below has answered, or is dead: then the next of its cell takes its place. */
static void on_passed(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    struct pp_cell cell = {(uint8_t)(answer->tag >> 8), (uint8_t)answer->tag, 0};
    uint16_t serial = (uint16_t)(answer->tag >> 16);
    bool answered = pp_member_answered(&n->t.r.m, now, answer);
    struct tapestry_cast *cast = cast_by_serial(n, serial);
    if (!cast || answer->code == PP_AGAIN) {
        return;
    }
    if (answered) {
        struct pp_page page;
        pp_read_page(&answer->body, &page, 0);
        for (size_t i = 0; pp_read_done(&answer->body) && i < page.n; i++) {
            pp_member_candidate(&n->t.r.m, now, &page.peers[i], &answer->rx->from, 0);
        }
    } else if (pass_to_cell(n, now, cast, cell)) {
        return;
    }
    if (--cast->waiting == 0) {
        acknowledge(n, cast);
    }
}

/* To one of each cell from the level on, as far as there are nodes. */
static void pass_on(struct pp_substrate_node *n, pp_ns now, struct tapestry_cast *cast,
                    unsigned level)
{
    size_t end = pp_tree_within(&n->t, level);
    for (size_t i = 0; i < end && cast->waiting < UINT8_MAX;) {
        struct pp_cell cell = pp_tree_cell_of(&n->t, &n->t.r.table.at[i].peer.id);
        size_t from, to;
        pp_tree_run(&n->t, cell, &from, &to);
        cast->waiting = (uint8_t)(cast->waiting + pass_to_cell(n, now, cast, cell));
        i = to > i ? to : i + 1;
    }
}

/* Is the joiner's place in our table a hole? Else it has a better root than us. */
static bool is_hole(const struct pp_substrate_node *n, const struct pp_peer *joiner)
{
    const struct pp_entry *best = pp_tree_best(&n->t, pp_tree_cell_of(&n->t, &joiner->id));
    return !best || pp_id_equal(&best->peer.id, &joiner->id);
}

void tapestry_on_join(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                      const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = tapestry_node(m);
    struct pp_peer joiner;
    unsigned level = pp_read8(body);
    pp_read_peer(body, &joiner);
    if (!pp_read_done(body) || level > PP_ID_BITS / n->t.net->bits || !m->a.active ||
        pp_id_equal(&joiner.id, &m->a.self.id) || !pp_peer_plausible(&joiner, rx->from.address)) {
        return;
    }
    bool first = pp_id_equal(&rx->from.id, &joiner.id);
    joiner = first ? rx->from : joiner;
    level = first ? pp_tree_shared(&n->t, &joiner.id) : level;
    struct tapestry_cast *cast = cast_of(n, rx, header);
    if (cast) {
        if (cast->waiting == 0) {
            acknowledge(n, cast); /* the first acknowledgement was lost */
        }
        return;
    }
    if (pp_tree_shared(&n->t, &joiner.id) > level || !(cast = new_cast(n, now))) {
        return;
    }
    *cast = (struct tapestry_cast){joiner, rx->from, *header, now + CAST_TIME, ++n->serial, 0};
    if (is_hole(n, &joiner)) {
        pass_on(n, now, cast, level);
    }
    tapestry_pin(n, now, &joiner);
    if (cast->waiting == 0) {
        acknowledge(n, cast);
    }
}

/* ---- the joiner ---- */

static void on_joined(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    struct pp_page page;
    bool answered = pp_member_answered(&n->t.r.m, now, answer);
    if (answer->code == PP_AGAIN || n->t.r.m.phase != PP_PHASE_ENTER) {
        return;
    }
    if (!answered) {
        pp_member_retry(&n->t.r.m, now);
        return;
    }
    pp_read_page(&answer->body, &page, 0);
    for (size_t i = 0; pp_read_done(&answer->body) && i < page.n; i++) {
        if (pp_peer_plausible(&page.peers[i], answer->rx->from.address)) {
            tapestry_pin(n, now, &page.peers[i]);
        }
    }
    tapestry_fill(n, now);
}

void tapestry_place(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    struct pp_substrate_node *n = tapestry_node(m);
    struct pp_writer w;
    pp_member_learn_all(m, now, result);
    pp_agent_begin(&m->a, &w, TAPESTRY_JOIN);
    pp_write8(&w, (uint8_t)pp_tree_shared(&n->t, &result->peers[0].id));
    pp_write_peer(&w, &m->a.self);
    struct pp_request request = {
        .to = &result->peers[0], .rto = JOIN_RTO, .done = on_joined, .owner = m};
    if (pp_rpc_send(&m->a, now, &request, &w) != PP_OK) {
        pp_member_retry(m, now);
    }
}
