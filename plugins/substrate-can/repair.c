/*
 * Upkeep: each neighbour's own word every T_u, its list of neighbours when that changed; the faces
 * of our zones looked over for parts that nobody holds; and the takeover of such a hole, after a
 * wait by our place among those who stand round it and a search that finds nobody there
 * (Ratnasamy et al. 2001, section 2.3; order of takers: sibling, deepest, smallest id).
 */
#include "can.h"

#include <stdlib.h>

#define FACES_SOON PP_SECOND
#define TAKER_WAIT (PP_SECOND * 4 / 5)
#define TAKERS_MAX 12
#define SEARCH_K 8

/* ---- lists of neighbours ---- */

static void on_list(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    struct can_neighbour *who = can_find(n, &answer->peer->id);
    struct pp_page page;
    if (answer->code != PP_OK) {
        return;
    }
    uint32_t version = pp_read32(&answer->body);
    pp_read_page(&answer->body, &page, CAN_ZONE_LEN);
    if (!pp_read_done(&answer->body)) {
        return;
    }
    can_hear_page(n, now, &page, &answer->rx->from);
    if (!who) {
        return;
    }
    size_t had = answer->tag ? who->n_list : 0;
    struct can_heard *list = realloc(who->list, (had + page.n + 1u) * sizeof *list);
    if (!list) {
        return;
    }
    for (size_t i = 0; i < page.n && had < CAN_LIST_MAX; i++) {
        list[had].peer = page.peers[i];
        had += can_zone_get(page.extra[i], &list[had].zone);
    }
    who->list = list;
    who->n_list = (uint16_t)had;
    who->list_version = version;
    who->listed = true;
    if (page.more && page.n > 0 && page.from + page.n <= UINT8_MAX) {
        can_pull_list(n, now, &answer->rx->from, (size_t)page.from + page.n);
    }
}

void can_pull_list(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer, size_t from)
{
    struct pp_writer w;
    if (pp_rpc_pending(&n->m.a, peer, CAN_LIST)) {
        return;
    }
    pp_agent_begin(&n->m.a, &w, CAN_LIST);
    pp_write8(&w, (uint8_t)from);
    struct pp_request request = {.to = peer,
                                 .rto = pp_member_rto(&n->m, &peer->id),
                                 .done = on_list,
                                 .owner = &n->m,
                                 .tag = (uint32_t)from};
    pp_rpc_send(&n->m.a, now, &request, &w);
}

void can_on_list(struct pp_substrate_node *n, const struct pp_rx *rx,
                 const struct pp_header *header, struct pp_reader *body)
{
    struct pp_writer w;
    uint8_t from = pp_read8(body);
    if (!pp_read_done(body)) {
        return;
    }
    pp_agent_begin_reply(&n->m.a, &w, header);
    pp_write32(&w, n->list_version);
    can_write_list(&w, n, from, NULL);
    pp_agent_send(&n->m.a, &rx->from, &w);
}

/* ---- holes ---- */

struct looking {
    struct can_faces faces; /* first */
    struct pp_substrate_node *n;
    const struct can_view *view;
    pp_ns now;
    struct can_zone hole;
    unsigned takers; /* of a hole: who come before us */
};

bool can_taker_before(struct can_zone hole, struct can_zone a, const struct pp_id *a_id,
                      struct can_zone b, const struct pp_id *b_id)
{
    bool a_sibling = hole.depth > 0 && can_zone_equal(a, can_sibling(hole));
    bool b_sibling = hole.depth > 0 && can_zone_equal(b, can_sibling(hole));
    if (a_sibling != b_sibling) {
        return a_sibling;
    }
    return a.depth != b.depth ? a.depth > b.depth : pp_id_compare(a_id, b_id) < 0;
}

static void count_taker(void *ctx, const struct can_claim *claim)
{
    struct looking *look = ctx;
    if (!can_abut(look->faces.space, claim->zone, look->hole)) {
        return;
    }
    for (size_t i = 0; i < look->n->zones.n; i++) {
        struct can_zone own = look->n->zones.at[i];
        if (can_abut(look->faces.space, own, look->hole) &&
            !can_taker_before(look->hole, claim->zone, &claim->peer->id, own,
                              &look->n->m.a.self.id)) {
            return;
        }
    }
    look->takers++;
}

static unsigned takers_before(struct looking *look, struct can_zone hole)
{
    struct looking count = *look;
    count.hole = hole;
    count.takers = 0;
    count.faces.zone = hole;
    struct can_walk walk = {look->view, can_faces_enter, count_taker, NULL, &count};
    can_walk(&walk);
    return count.takers < TAKERS_MAX ? count.takers : TAKERS_MAX;
}

/* A hole may be large where little is known: of it, the part next to us about as large as ours. */
static struct can_zone part_next_to_us(const struct looking *look, struct can_zone hole)
{
    struct can_zone own = look->faces.zone;
    while (hole.depth + 1u < own.depth) {
        struct can_zone low = can_half(hole, 0);
        hole = can_abut(look->faces.space, low, own) ? low : can_half(hole, 1);
    }
    return hole;
}

static void note_hole(void *ctx, struct can_zone hole)
{
    struct looking *look = ctx;
    struct pp_substrate_node *n = look->n;
    if (can_promised(n, look->now, hole)) {
        return;
    }
    hole = part_next_to_us(look, hole);
    for (size_t i = 0; i < n->n_gaps; i++) {
        if (can_nested(n->gaps[i].zone, hole)) {
            bool same = can_zone_equal(n->gaps[i].zone, hole);
            n->gaps[i].there = true;
            n->gaps[i].searched = n->gaps[i].searched && same;
            n->gaps[i].zone = hole;
            return;
        }
    }
    n->gaps = n->gaps ? n->gaps : malloc(CAN_GAPS * sizeof *n->gaps);
    if (!n->gaps || n->n_gaps == CAN_GAPS) {
        return;
    }
    pp_ns wait =
        takers_before(look, hole) * TAKER_WAIT + pp_random_below(&n->m.a.random, 200 * PP_MS);
    n->gaps[n->n_gaps++] = (struct can_gap){hole, look->now + wait, false, true};
}

/* Somebody who stands next to us and has not told us so himself is asked. */
static void note_claim(void *ctx, const struct can_claim *claim)
{
    struct looking *look = ctx;
    if (claim->source >= CAN_ANSWERED) {
        can_hear(look->n, look->now, claim->peer, claim->zone, &look->n->m.a.self);
    }
}

static void on_searched(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                        const struct pp_result *result)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    (void)result;
    n->searching = false;
    for (size_t i = 0; i < lookup->n && n->m.phase == PP_PHASE_MEMBER; i++) {
        const struct pp_lookup_peer *who = &lookup->at[i];
        struct can_zone zone;
        if (who->state == PP_ASK_ANSWERED && !who->inactive && can_zone_get(who->extra, &zone) &&
            !pp_id_equal(&who->peer.id, &a->self.id) && !can_find(n, &who->peer.id)) {
            can_see(n, &who->peer, zone);
            can_hear(n, now, &who->peer, zone, &a->self);
        }
    }
    for (size_t i = 0; i < n->n_gaps; i++) {
        if (can_zone_equal(n->gaps[i].zone, n->sought)) {
            n->gaps[i].searched = true;
            n->gaps[i].due = now + PP_SECOND / 2; /* whoever was found tells his zones */
        }
    }
    n->faces_at = pp_sooner(n->faces_at, now + PP_SECOND / 2);
}

static void search(struct pp_substrate_node *n, pp_ns now, struct can_gap *gap)
{
    struct pp_id key = can_middle(&n->net->space, gap->zone);
    struct pp_lookup_request request = {
        .key = &key, .k = SEARCH_K, .paths = 1, .done = on_searched};
    n->sought = gap->zone;
    n->searching = pp_lookup_start(&n->m.a, now, &request) == PP_OK;
    gap->searched = !n->searching;
}

static void take_over(struct pp_substrate_node *n, pp_ns now, struct can_zone hole)
{
    struct pp_peer told[CAN_SEEN];
    size_t count = 0;
    if (can_zones_add(&n->zones, hole) != PP_OK) {
        return;
    }
    for (size_t i = 0; i < n->n_seen; i++) {
        if (can_nested(n->seen[i].zone, hole) || can_abut(&n->net->space, n->seen[i].zone, hole)) {
            told[count++] = n->seen[i].peer;
        }
    }
    can_changed(n, now);
    for (size_t i = 0; i < count; i++) {
        pp_member_candidate(&n->m, now, &told[i], &n->m.a.self, CAN_TAG_PROBE);
    }
}

/* What to do about the holes that are due; the soonest deadline of the others. */
static void mend(struct pp_substrate_node *n, pp_ns now)
{
    for (size_t i = 0; i < n->n_gaps; i++) {
        struct can_gap *gap = &n->gaps[i];
        if (now < gap->due) {
            n->faces_at = pp_sooner(n->faces_at, gap->due);
        } else if (gap->searched) {
            struct can_zone hole = gap->zone;
            *gap = n->gaps[--n->n_gaps];
            take_over(n, now, hole);
            return; /* the faces are others now */
        } else if (!n->searching) {
            search(n, now, gap);
        }
    }
}

static void look_over(struct pp_substrate_node *n, pp_ns now)
{
    struct can_view view;
    n->faces_at = now + pp_random_jitter(&n->m.a.random, n->net->update);
    for (size_t i = 0; i < n->n_gaps; i++) {
        n->gaps[i].there = false;
    }
    if (!can_view_take(n, now, &view)) {
        return;
    }
    for (size_t i = 0; i < view.n; i++) { /* a dispute that we were only told of */
        const struct can_claim *claim = &view.at[i];
        bool ours = can_zones_overlap(&n->zones, claim->zone);
        if (claim->source >= CAN_ANSWERED && ours) {
            can_hear(n, now, claim->peer, claim->zone, &n->m.a.self);
        }
    }
    for (size_t i = 0; i < n->zones.n; i++) {
        struct looking look = {
            .n = n, .view = &view, .faces = {&n->net->space, n->zones.at[i]}, .now = now};
        struct can_walk walk = {&view, can_faces_enter, note_claim, note_hole, &look};
        can_walk(&walk);
    }
    free(view.at);
    for (size_t i = n->n_gaps; i-- > 0;) {
        if (!n->gaps[i].there) {
            n->gaps[i] = n->gaps[--n->n_gaps];
        }
    }
    if (n->n > 0) {
        pp_member_set_state(&n->m, n->n_gaps ? PP_DEGRADED : PP_ACTIVE);
    }
    mend(n, now);
}

void can_faces_soon(struct pp_substrate_node *n, pp_ns now)
{
    n->faces_at = pp_sooner(n->faces_at, now + pp_random_jitter(&n->m.a.random, FACES_SOON));
}

/* ---- clockwork ---- */

static void exchange_states(struct pp_substrate_node *n, pp_ns now)
{
    uint32_t clock = (uint32_t)(now >> 24);
    for (size_t i = 0; i < n->n; i++) {
        struct can_neighbour *who = &n->at[i];
        pp_ns age = (pp_ns)(clock - who->stated) << 24;
        if (age > n->net->update - n->net->update / 4 &&
            !pp_rpc_pending(&n->m.a, &who->entry.peer, CAN_STATE)) {
            pp_member_ping(&n->m, now, &who->entry.peer, 0);
        }
    }
}

void can_tick(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = can_node(m);
    if (m->phase != PP_PHASE_MEMBER || m->client) {
        return;
    }
    if (now >= n->upkeep_at) {
        n->upkeep_at = now + pp_random_jitter(&m->a.random, n->net->update / 4);
        exchange_states(n, now);
    }
    if (now >= n->faces_at) {
        look_over(n, now);
    }
    if (m->phase == PP_PHASE_MEMBER && now >= n->defrag_at) {
        n->defrag_at = now + pp_random_jitter(&m->a.random, n->net->update / 4);
        can_defragment(n, now);
    }
}

pp_ns can_next(const struct pp_member *m)
{
    const struct pp_substrate_node *n = (const struct pp_substrate_node *)m;
    if (m->phase != PP_PHASE_MEMBER || m->client) {
        return PP_NEVER;
    }
    return pp_sooner(n->upkeep_at, pp_sooner(n->faces_at, n->defrag_at));
}
