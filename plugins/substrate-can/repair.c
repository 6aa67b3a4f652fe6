/*
 * Upkeep: each neighbour's own word every T_u; the faces of our zones looked over for parts that
 * nobody holds; and the takeover of such a hole as a ward, after a wait by our place among those
 * who stand round it and a search that finds nobody there (Ratnasamy et al. 2001, section 2.3;
 * order of takers: sibling, deepest, smallest id). One hole is looked after at a time.
 */
#include "can.h"

#include <stdlib.h>

#define FACES_SOON PP_SECOND
#define TAKER_WAIT (PP_SECOND * 4 / 5)
#define TAKERS_MAX 12
#define NOBODY (TAKERS_MAX + 1)
#define SEARCH_K 8
#define WARDS_MAX 32 /* more are too many */

bool can_taker_before(struct can_zone zone, struct can_zone a, const struct pp_id *a_id,
                      struct can_zone b, const struct pp_id *b_id)
{
    bool a_sibling = zone.depth > 0 && can_zone_equal(a, can_sibling(zone));
    bool b_sibling = zone.depth > 0 && can_zone_equal(b, can_sibling(zone));
    if (a_sibling != b_sibling) {
        return a_sibling;
    }
    return a.depth != b.depth ? a.depth > b.depth : pp_id_compare(a_id, b_id) < 0;
}

/* ---- looking over the faces ---- */

struct looking {
    struct can_faces faces; /* first */
    struct pp_substrate_node *n;
    const struct can_view *view;
    pp_ns now;
    struct can_zone hole;
    unsigned takers;      /* of a hole: who come before us */
    struct can_zone best; /* the hole with the fewest */
    unsigned fewest;
    bool there; /* the hole that is looked after is still there */
};

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

static unsigned takers_before(const struct looking *look, struct can_zone hole)
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
    const struct pp_substrate_node *n = look->n;
    if (look->now < n->granted_until && can_nested(hole, n->granted)) {
        return; /* the joiner is about to show itself */
    }
    hole = part_next_to_us(look, hole);
    look->there = look->there || (n->holed && can_zone_equal(hole, n->hole));
    unsigned takers = takers_before(look, hole);
    if (takers < look->fewest) {
        look->fewest = takers;
        look->best = hole;
    }
}

/* Somebody who stands next to us, or claims what is ours, and has not told us so himself. */
static void note_claim(void *ctx, const struct can_claim *claim)
{
    struct looking *look = ctx;
    if (claim->source == CAN_HEARSAY) {
        can_hear(look->n, look->now, claim->peer, claim->zone, &look->n->m.a.self);
    }
}

static void look_over(struct pp_substrate_node *n, pp_ns now)
{
    struct can_view view;
    struct looking look = {.n = n, .view = &view, .now = now, .fewest = NOBODY};
    if (!can_view_take(n, now, &view)) {
        return;
    }
    for (size_t i = 0; i < view.n; i++) {
        if (can_zones_overlap(&n->zones, view.at[i].zone)) {
            note_claim(&look, &view.at[i]);
        }
    }
    for (size_t i = 0; i < n->zones.n; i++) {
        look.faces = (struct can_faces){&n->net->space, n->zones.at[i]};
        struct can_walk walk = {&view, can_faces_enter, note_claim, note_hole, &look};
        can_walk(&walk);
    }
    free(view.at);
    bool found = look.fewest < NOBODY;
    if (found && !look.there) {
        n->hole = look.best;
        n->searched = false;
        n->hole_at = now + look.fewest * TAKER_WAIT + pp_random_below(&n->m.a.random, 200 * PP_MS);
    }
    n->holed = found;
    if (n->near.n > 0) {
        pp_member_set_state(&n->m, n->holed ? PP_DEGRADED : PP_ACTIVE);
    }
}

/* ---- holes ---- */

static void on_searched(struct pp_agent *a, pp_ns now, const struct pp_lookup *lookup,
                        const struct pp_result *result)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    (void)result;
    n->searching = false;
    for (size_t i = 0; i < lookup->n; i++) {
        const struct pp_lookup_peer *who = &lookup->at[i];
        struct can_zone zone;
        for (size_t j = 0; j < CAN_PLACE && who->state == PP_ASK_ANSWERED && !who->inactive;
             j += CAN_ZONE_LEN) {
            if (can_zone_get(who->extra + j, &zone)) {
                can_hear(n, now, &who->peer, zone, &a->self);
            }
        }
    }
    n->searched = true;
    n->hole_at = now + PP_SECOND / 2; /* whoever was found tells his zones */
    n->faces_at = pp_sooner(n->faces_at, n->hole_at);
}

static void search(struct pp_substrate_node *n, pp_ns now)
{
    struct pp_id key = can_middle(&n->net->space, n->hole);
    struct pp_lookup_request request = {
        .key = &key, .k = SEARCH_K, .paths = 1, .done = on_searched};
    n->searching = pp_lookup_start(&n->m.a, now, &request) == PP_OK;
    n->searched = !n->searching;
}

static void mend(struct pp_substrate_node *n, pp_ns now)
{
    if (!n->holed || n->searching) {
        return;
    }
    if (now < n->hole_at) {
        n->faces_at = pp_sooner(n->faces_at, n->hole_at);
    } else if (!n->searched) {
        search(n, now);
    } else {
        struct can_zone ward = n->hole;
        ward.ward = true;
        n->holed = false;
        if (can_zones_add(&n->zones, ward) == PP_OK) {
            can_warded(n, now);
            can_changed(n, now);
        }
    }
}

void can_warded(struct pp_substrate_node *n, pp_ns now)
{
    if (n->zones.n > WARDS_MAX) {
        n->settle_at = pp_sooner(n->settle_at, now + n->net->update);
    } else if (n->settle_at == PP_NEVER) {
        n->settle_at = now + pp_random_jitter(&n->m.a.random, n->net->wards);
    }
}

void can_faces_soon(struct pp_substrate_node *n, pp_ns now)
{
    n->faces_at = pp_sooner(n->faces_at, now + pp_random_jitter(&n->m.a.random, FACES_SOON));
}

/* ---- clockwork ---- */

/* Each neighbour whose word is old, or whose list is another than we hold, is asked. */
static void exchange_words(struct pp_substrate_node *n, pp_ns now)
{
    for (size_t i = 0; i < n->near.n; i++) {
        const struct can_facts *facts = &n->facts[i];
        pp_ns age = (pp_ns)((uint32_t)(now >> 24) - facts->stated) << 24;
        if ((age > n->net->update - n->net->update / 4 || facts->listed != facts->version) &&
            !pp_rpc_pending(&n->m.a, &n->near.at[i].peer, CAN_STATE)) {
            pp_member_ping(&n->m, now, &n->near.at[i].peer, 0);
        }
    }
}

void can_tick(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = can_node(m);
    if (m->phase != PP_PHASE_MEMBER) {
        return;
    }
    if (now >= n->upkeep_at) {
        n->upkeep_at = now + pp_random_jitter(&m->a.random, n->net->update / 4);
        exchange_words(n, now);
    }
    if (now >= n->faces_at) {
        n->faces_at = now + pp_random_jitter(&m->a.random, n->net->update);
        look_over(n, now);
        mend(n, now);
    }
    if (now >= n->settle_at) {
        n->settle_at = now + pp_random_jitter(&m->a.random, n->net->update / 4);
        can_settle(n, now);
        n->settle_at = n->zones.n > 1 ? n->settle_at : PP_NEVER;
    }
}

pp_ns can_next(const struct pp_member *m)
{
    const struct pp_substrate_node *n = can_node(m);
    if (m->phase != PP_PHASE_MEMBER) {
        return PP_NEVER;
    }
    return pp_sooner(n->upkeep_at, pp_sooner(n->faces_at, n->settle_at));
}
