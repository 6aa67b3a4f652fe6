/*
 * Zones that change hands by consent: of one who leaves (Ratnasamy et al. 2001, section 2.3), and
 * extra ones, given to those whom they make whole. HANDOVER(version, zone, who stands round it);
 * the giver claims the zone until it is accepted, or until the taker claims it.
 */
#include "can.h"

#include <stdlib.h>

static void hand_next(struct pp_substrate_node *n, pp_ns now);

static void handed_over(struct pp_substrate_node *n, pp_ns now)
{
    int at = can_zones_find(&n->zones, n->handed);
    if (at >= 0) {
        can_zones_remove(&n->zones, (size_t)at);
        if (n->m.phase == PP_PHASE_MEMBER) {
            can_changed(n, now);
        } else {
            n->version++;
        }
    }
}

static void on_handed(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    if (answer->code == PP_AGAIN) {
        return;
    }
    bool taken = answer->code == PP_OK && pp_read8(&answer->body) == 1;
    n->handing = false;
    if (taken) {
        n->attempt = 0;
        handed_over(n, now);
    } else {
        n->attempt++;
    }
    if (n->m.phase == PP_PHASE_LEAVING) {
        hand_next(n, now);
    }
}

static void hand(struct pp_substrate_node *n, pp_ns now, struct can_zone zone,
                 const struct pp_peer *taker)
{
    struct pp_writer w;
    pp_agent_begin(&n->m.a, &w, CAN_HANDOVER);
    pp_write32(&w, n->version);
    pp_write32(&w, n->list_version);
    pp_write8(&w, 1);
    can_write_zone(&w, zone);
    can_write_list(&w, n, 0, &zone);
    struct pp_request request = {
        .to = taker, .rto = pp_member_rto(&n->m, &taker->id), .done = on_handed, .owner = &n->m};
    n->handed = zone;
    n->taker = taker->id;
    n->handing = pp_rpc_send(&n->m.a, now, &request, &w) == PP_OK;
}

/* ---- leaving ---- */

/* Who takes a zone: the `attempt`-th in the order of takers. */
static const struct can_neighbour *taker_of(const struct pp_substrate_node *n, struct can_zone zone)
{
    for (size_t i = 0; i < n->n; i++) {
        const struct can_neighbour *who = &n->at[i];
        size_t better = 0;
        for (size_t j = 0; j < n->n && who->zones.n > 0; j++) {
            const struct can_neighbour *other = &n->at[j];
            better += j != i && other->zones.n > 0 &&
                      can_taker_before(zone, other->zones.at[0], &other->entry.peer.id,
                                       who->zones.at[0], &who->entry.peer.id);
        }
        if (who->zones.n > 0 && better == n->attempt) {
            return who;
        }
    }
    return NULL;
}

static void farewell(struct pp_substrate_node *n)
{
    for (size_t i = 0; i < n->n; i++) {
        struct pp_writer w;
        pp_agent_begin(&n->m.a, &w, CAN_LEAVE);
        pp_agent_send(&n->m.a, &n->at[i].entry.peer, &w);
    }
}

static void hand_next(struct pp_substrate_node *n, pp_ns now)
{
    while (n->zones.n > 0) {
        struct can_zone zone = n->zones.at[0];
        const struct can_neighbour *taker = taker_of(n, zone);
        if (taker) {
            hand(n, now, zone, &taker->entry.peer);
            return;
        }
        can_zones_remove(&n->zones, 0); /* nobody takes it: the neighbours will find the hole */
        n->attempt = 0;
    }
    farewell(n);
    pp_member_left(&n->m);
}

bool can_goodbye(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = can_node(m);
    n->handing = false;
    n->attempt = 0;
    if (n->n == 0) {
        return false;
    }
    hand_next(n, now);
    return true;
}

/* ---- defragmenting ---- */

/* Walks into the sibling's part of the tree to two leaves that are siblings; keeps the deepest. */
struct leaves {
    struct can_zone within;
    const struct can_claim *deepest;
};

static bool leaves_enter(void *ctx, struct can_zone zone)
{
    const struct leaves *leaves = ctx;
    return can_nested(zone, leaves->within);
}

static void leaves_claim(void *ctx, const struct can_claim *claim)
{
    struct leaves *leaves = ctx;
    if (claim->source != CAN_OWN && can_inside(claim->zone, leaves->within) &&
        (!leaves->deepest || claim->zone.depth > leaves->deepest->zone.depth)) {
        leaves->deepest = claim;
    }
}

/* A zone of ours whose sibling is one zone of a neighbour goes to him, the deepest first. */
static bool complete_one(struct pp_substrate_node *n, pp_ns now)
{
    const struct can_neighbour *best = NULL;
    struct can_zone zone = {0, 0};
    for (size_t i = 0; i < n->zones.n; i++) {
        struct can_zone own = n->zones.at[i];
        for (size_t j = 0; j < n->n && own.depth > zone.depth; j++) {
            const struct can_neighbour *who = &n->at[j];
            if (can_zones_find(&who->zones, can_sibling(own)) >= 0 &&
                !(who->entry.flags & PP_ENTRY_SUSPECT)) {
                best = who;
                zone = own;
            }
        }
    }
    if (best) {
        hand(n, now, zone, &best->entry.peer);
    }
    return best != NULL;
}

/* No sibling is one zone: the deepest leaf within a sibling has a sibling leaf, so its owner can
 * take ours and then complete that one with his own. */
static void move_one(struct pp_substrate_node *n, pp_ns now)
{
    struct can_view view;
    if (!can_view_take(n, now, &view)) {
        return;
    }
    struct can_zone zone = n->zones.at[pp_random_below(&n->m.a.random, n->zones.n)];
    struct leaves leaves = {can_sibling(zone), NULL};
    struct can_walk walk = {&view, leaves_enter, leaves_claim, NULL, &leaves};
    can_walk(&walk);
    if (leaves.deepest && leaves.deepest->zone.depth > zone.depth) {
        struct pp_peer taker = *leaves.deepest->peer;
        hand(n, now, zone, &taker);
    }
    free(view.at);
}

void can_defragment(struct pp_substrate_node *n, pp_ns now)
{
    if (n->zones.n > 1 && !n->handing && now >= n->grant.until && n->n_gaps == 0 &&
        !complete_one(n, now)) {
        move_one(n, now);
    }
}

/* ---- the taker ---- */

static bool take(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                 const struct can_handover *handover)
{
    struct can_zone zone = handover->state.zones[0];
    struct can_neighbour *giver = can_find(n, &rx->from.id);
    if (n->m.phase != PP_PHASE_MEMBER) {
        return false;
    }
    if (can_zones_hold(&n->zones, zone)) {
        return true; /* asked again */
    }
    if (can_zones_overlap(&n->zones, zone) || can_zones_add(&n->zones, zone) != PP_OK) {
        return false;
    }
    int at = giver ? can_zones_find(&giver->zones, zone) : -1;
    if (at >= 0) {
        can_zones_remove(&giver->zones, (size_t)at);
        giver->version = handover->state.version;
    }
    can_changed(n, now);
    can_hear_page(n, now, &handover->page, &rx->from);
    return true;
}

void can_on_handover(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                     const struct pp_header *header, struct pp_reader *body)
{
    struct can_handover handover;
    struct pp_writer w;
    if (!can_read_handover(body, &handover)) {
        return;
    }
    bool taken = take(n, now, rx, &handover);
    pp_agent_begin_reply(&n->m.a, &w, header);
    pp_write8(&w, taken);
    pp_agent_send(&n->m.a, &rx->from, &w);
}
