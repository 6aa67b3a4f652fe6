/*
 * Zones that change hands by consent: of one who leaves (Ratnasamy et al. 2001, section 2.3), and
 * wards, which after a while make a home of somebody whole. GIVE(the zones, who stands round them);
 * the giver claims them until they are accepted, or until the taker claims them. A home among them
 * says that the giver leaves.
 */
#include "can.h"

#include <stdlib.h>

#define TAKERS 3 /* of those who leave: so many are asked */

static void part(struct pp_substrate_node *n, pp_ns now);

/* What was on offer is the taker's. */
static void given(struct pp_substrate_node *n, pp_ns now)
{
    int at = can_zones_find(&n->zones, n->given);
    if (at >= 0 && n->zones.n > 1) {
        can_zones_remove(&n->zones, (size_t)at);
        n->zones.at[can_zones_home(&n->zones)].ward = false;
        can_changed(n, now);
    }
}

static void on_answer(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    bool there = pp_member_answered(&n->m, now, answer);
    bool taken = there && pp_read8(&answer->body) == 1;
    if (answer->code == PP_AGAIN) {
        return;
    }
    n->giving = false;
    if (n->m.phase == PP_PHASE_LEAVING) {
        n->referrals = taken ? TAKERS : (uint8_t)(n->referrals + 1);
        if (there && !taken) {
            pp_member_late(&n->m, &answer->peer->id); /* not asked again */
        }
        part(n, now);
    } else if (taken) {
        given(n, now);
    }
}

static void offer(struct pp_substrate_node *n, pp_ns now, const struct can_zones *zones,
                  const struct pp_peer *taker)
{
    struct pp_writer w;
    pp_agent_begin(&n->m.a, &w, CAN_GIVE);
    can_write_word(&w, n, 0, zones, true);
    n->given = zones->at[0];
    n->taker = taker->id;
    n->giving = pp_member_ask(&n->m, now, taker, &w, on_answer, 0);
}

/* ---- leaving ---- */

/* Whoever has the fewest zones gets all, among equals the best taker of the home. */
static const struct pp_peer *heir(const struct pp_substrate_node *n)
{
    struct can_zone home = n->zones.at[can_zones_home(&n->zones)], best = {0};
    const struct pp_peer *found = NULL;
    size_t fewest = CAN_ZONES_MAX;
    for (size_t i = 0; i < n->near.n; i++) {
        const struct can_zones *its = &n->facts[i].zones;
        const struct pp_id *id = &n->near.at[i].peer.id;
        if (n->near.at[i].flags & PP_ENTRY_SUSPECT || its->n == 0 || its->n > fewest) {
            continue;
        }
        struct can_zone zone = its->at[can_zones_home(its)];
        if (its->n < fewest || can_taker_before(home, zone, id, best, &found->id)) {
            found = &n->near.at[i].peer;
            fewest = its->n;
            best = zone;
        }
    }
    return found;
}

static void part(struct pp_substrate_node *n, pp_ns now)
{
    const struct pp_peer *taker = n->referrals < TAKERS ? heir(n) : NULL;
    if (taker) {
        offer(n, now, &n->zones, taker);
    }
    if (!n->giving) {
        pp_member_tell_all(&n->m, CAN_LEAVE);
        n->m.until = now; /* the tables may be in use here: at the next tick */
    }
}

bool can_goodbye(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = can_node(m);
    n->giving = false;
    n->referrals = 0; /* takers asked */
    if (n->near.n > 0) {
        part(n, now);
    }
    return n->near.n > 0;
}

/* ---- wards ---- */

/* Walks into the sibling's part of the tree to the deepest leaf, which has a sibling leaf. */
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
    const struct pp_peer *best = NULL;
    struct can_zone zone = {0};
    for (size_t i = 0; i < n->zones.n; i++) {
        struct can_zone own = n->zones.at[i];
        for (size_t j = 0; j < n->near.n && own.depth > zone.depth; j++) {
            if (can_zones_find(&n->facts[j].zones, can_sibling(own)) >= 0 &&
                !(n->near.at[j].flags & PP_ENTRY_SUSPECT)) {
                best = &n->near.at[j].peer;
                zone = own;
            }
        }
    }
    zone.ward = true;
    if (best) {
        offer(n, now, &(struct can_zones){&zone, 1}, best);
    }
    return best != NULL;
}

/* No sibling is one zone: the owner of the deepest leaf within one takes ours, and then completes
 * the sibling of that leaf with his own. */
static void move_one(struct pp_substrate_node *n, pp_ns now)
{
    struct can_view view;
    if (!can_view_take(n, now, &view)) {
        return;
    }
    struct can_zone zone = n->zones.at[pp_random_below(&n->m.a.random, n->zones.n)];
    zone.ward = true;
    struct leaves leaves = {can_sibling(zone), NULL};
    struct can_walk walk = {&view, leaves_enter, leaves_claim, NULL, &leaves};
    can_walk(&walk);
    if (leaves.deepest && leaves.deepest->zone.depth > zone.depth) {
        struct pp_peer taker = *leaves.deepest->peer;
        offer(n, now, &(struct can_zones){&zone, 1}, &taker);
    }
    free(view.at);
}

void can_settle(struct pp_substrate_node *n, pp_ns now)
{
    if (n->zones.n < 2 || n->giving || now < n->granted_until || n->holed) {
        return;
    }
    if (can_zones_join(&n->zones)) {
        can_changed(n, now);
    } else if (!complete_one(n, now)) {
        move_one(n, now);
    }
}

/* ---- the taker ---- */

static bool take(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *giver,
                 const struct can_word *word)
{
    size_t had = 0;
    for (size_t i = 0; i < word->n; i++) {
        bool mine = can_zones_find(&n->zones, word->zones[i]) >= 0; /* asked again */
        had += mine;
        if (word->zones[i].depth == 0 || (!mine && can_zones_overlap(&n->zones, word->zones[i]))) {
            return false;
        }
    }
    if (had == word->n || n->zones.n + word->n > CAN_ZONES_MAX) {
        return had > 0;
    }
    for (size_t i = 0; i < word->n; i++) {
        struct can_zone zone = word->zones[i];
        bool whole = word->n == 1 && can_zones_find(&n->zones, can_sibling(zone)) >= 0;
        n->settle_at = zone.ward && whole ? now : n->settle_at; /* what it was given for */
        zone.ward = true;
        if (can_zones_find(&n->zones, zone) < 0 && can_zones_add(&n->zones, zone) != PP_OK) {
            return false;
        }
    }
    can_warded(n, now);
    can_changed(n, now);
    can_hear_page(n, now, &word->list, giver);
    return true;
}

void can_on_give(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                 const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = can_node(m);
    struct can_word word;
    struct pp_writer w;
    if (!can_read_word(body, &word) || word.n == 0) {
        return;
    }
    bool taken = n->m.phase == PP_PHASE_MEMBER && take(n, now, &rx->from, &word);
    pp_agent_begin_reply(&n->m.a, &w, header);
    pp_write8(&w, taken);
    pp_agent_send(&n->m.a, &rx->from, &w);
}
