/*
 * Upkeep: each neighbour's own word every T_u; the faces of our zones looked over for parts that
 * nobody holds; the takeover of such a hole as a ward, after a wait and a search that finds nobody
 * there (Ratnasamy et al. 2001, section 2.3), one hole at a time; and wards that were kept long
 * enough, which make a home of somebody whole.
 */
#include "can.h"

#include <stdlib.h>

#define FACES_SOON PP_SECOND
#define TAKE_WAIT (2 * PP_SECOND)
#define SEARCH_TIME PP_SECOND
#define MOVES 4 /* of so many who could move into a zone, one tries */

/* ---- looking over the faces ---- */

/* A hole may be large where little is known: of it, the part next to us about as large as ours. Who
 * has fewest zones takes it first, the sibling's owner before others. */
static void find_hole(struct pp_substrate_node *n, const struct can_view *view, pp_ns now)
{
    struct pp_random *random = &n->m.a.random;
    size_t first = pp_random_below(random, n->zones.n);
    uint32_t turn = (uint32_t)pp_random_next(random);
    struct can_region region = {.space = &n->net->space};
    n->holed = false;
    for (size_t i = 0; i < n->zones.n && !n->holed; i++) {
        region.zone = n->zones.at[(first + i) % n->zones.n];
        n->holed = can_gap(view, &region, turn, &n->hole);
    }
    while (n->holed && n->hole.depth + 1u < region.zone.depth) {
        struct can_zone low = can_half(n->hole, 0);
        n->hole = can_abut(region.space, low, region.zone) ? low : can_half(n->hole, 1);
    }
    if (n->holed) {
        bool sibling = can_zones_find(&n->zones, can_sibling(n->hole)) >= 0;
        n->hole.hold = CAN_WARD;
        n->searched = false;
        n->hole_at = now + (n->zones.n - 1u) * TAKE_WAIT +
                     (sibling ? 0 : TAKE_WAIT / 4 + pp_random_below(random, TAKE_WAIT));
    }
}

static void look_over(struct pp_substrate_node *n, pp_ns now)
{
    struct can_view view;
    bool there = n->holed;
    if (!can_view_take(n, now, CAN_HEARSAY, &view)) {
        return;
    }
    for (size_t i = 0; i < view.n; i++) {
        const struct can_claim *claim = &view.at[i];
        there = there && !can_nested(claim->zone, n->hole);
        if (claim->source ==
            CAN_HEARSAY) { /* next to us, or on what is ours, and has not said so */
            can_hear(n, now, claim->peer, claim->zone, &n->m.a.self);
        }
    }
    if (!there) {
        find_hole(n, &view, now);
    }
    free(view.at);
    if (n->near.n > 0) {
        pp_member_set_state(&n->m, n->holed ? PP_DEGRADED : PP_ACTIVE);
    }
}

static void mend(struct pp_substrate_node *n, pp_ns now)
{
    if (now >= n->hole_at && n->searched) {
        n->holed = false;
        if (can_zones_add(&n->zones, n->hole) == PP_OK) {
            can_changed(n, now);
        }
    } else if (now >= n->hole_at) { /* whoever lives there will tell its zones */
        pp_member_merge(&n->m, now, NULL, 0);
        n->searched = true;
        n->hole_at = now + SEARCH_TIME;
    }
    n->faces_at = pp_sooner(n->faces_at, n->holed ? n->hole_at : PP_NEVER);
}

/* ---- open wards ---- */

/* The sibling of one of ours becomes ours: with our home it makes a larger one. */
static bool complete(struct pp_substrate_node *n, struct can_zone ward, const struct pp_id *holder)
{
    int at = can_zones_find(&n->zones, can_sibling(ward));
    if (at == 0) {
        n->zones.at[0] = can_parent(n->zones.at[0]);
    }
    return at == 0 ||
           (at > 0 && n->zones.at[at].hold == CAN_OPEN &&
            pp_id_compare(&n->m.a.self.id, holder) < 0 && can_zones_add(&n->zones, ward) == PP_OK);
}

/* We leave our home for an open ward that is larger. */
static bool move(struct pp_substrate_node *n, struct can_zone ward)
{
    struct can_zone home = n->zones.at[0];
    int at = can_zones_find(&n->zones, ward);
    home.hold = CAN_OPEN;
    ward.hold = CAN_HOME;
    if (at > 0) {
        n->zones.at[at] = home;
    } else if (can_zones_add(&n->zones, home) != PP_OK) {
        return false;
    }
    n->zones.at[0] = ward;
    return true;
}

/* One step towards one zone for everybody: each makes the open wards fewer or smaller. */
static bool settle(struct pp_substrate_node *n, pp_ns now)
{
    struct can_view view;
    struct can_zone largest = n->zones.at[0];
    bool changed = can_zones_join(&n->zones);
    if (changed || !can_view_take(n, now, CAN_TABLE, &view)) {
        return changed;
    }
    for (size_t i = 0; i < view.n && !changed; i++) {
        const struct can_claim *claim = &view.at[i];
        if (claim->zone.hold == CAN_OPEN) {
            changed = claim->source == CAN_TABLE && complete(n, claim->zone, &claim->peer->id);
            largest = claim->zone.depth < largest.depth ? claim->zone : largest;
        }
    }
    free(view.at);
    return changed || (largest.hold == CAN_OPEN && pp_random_below(&n->m.a.random, MOVES) == 0 &&
                       move(n, largest));
}

/* Kept long enough, for a joiner or its node's return. */
static void open_wards(struct pp_substrate_node *n, pp_ns now)
{
    bool changed = false;
    for (size_t i = 1; i < n->zones.n; i++) {
        changed = changed || n->zones.at[i].hold == CAN_WARD;
        n->zones.at[i].hold = CAN_OPEN;
    }
    if (changed) {
        can_changed(n, now);
    }
    n->open_at = PP_NEVER;
}

/* ---- clockwork ---- */

void can_faces_soon(struct pp_substrate_node *n, pp_ns now)
{
    n->faces_at = pp_sooner(n->faces_at, now + pp_random_jitter(&n->m.a.random, FACES_SOON));
}

/* Each neighbour whose word is old, or whose list is another than we hold, is asked. */
static void exchange_words(struct pp_substrate_node *n, pp_ns now)
{
    for (size_t i = 0; i < n->near.n; i++) {
        const struct can_facts *facts = &n->facts[i];
        pp_ns age = (pp_ns)((uint32_t)(now >> 24) - facts->stated) << 24;
        if ((age > n->net->update - n->net->update / 4 || facts->listed != facts->told) &&
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
    if (now >= n->open_at) {
        open_wards(n, now);
    }
    if (now >= n->faces_at) {
        n->faces_at = now + pp_random_jitter(&m->a.random, n->net->update);
        look_over(n, now);
        if (n->holed) {
            mend(n, now);
        } else if (settle(n, now)) {
            can_changed(n, now);
        }
    }
}

pp_ns can_next(const struct pp_member *m)
{
    const struct pp_substrate_node *n = can_node(m);
    bool member = m->phase == PP_PHASE_MEMBER;
    return !member ? PP_NEVER : pp_sooner(n->upkeep_at, pp_sooner(n->faces_at, n->open_at));
}
