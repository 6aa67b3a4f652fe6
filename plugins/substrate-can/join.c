/*
 * Joining (Ratnasamy et al. 2001, section 2.2; uniform partitioning: section 3.6): JOIN to the
 * owner of the own point, who refers to whoever round it has a ward to give or the largest zone, or
 * gives a ward or a half of its home. What was given is the joiner's from then on: asked again, the
 * owner gives the same; when the joiner never shows itself, the part is a hole like any other. An
 * owner that dies in between is no harm: the joiner has its half, and of two claims the stronger
 * stays.
 */
#include "can.h"

#define GRANT_TIME (12 * PP_SECOND)
#define REFERRALS_MAX 12

enum answer { GIVEN = 1, REFER = 2, BUSY = 3 };

void can_activated(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = can_node(m);
    if (n->zones.n == 0) {
        can_zones_add(&n->zones, (struct can_zone){0}); /* the first of a network */
    }
    uint32_t clock = (uint32_t)(now >> 30);
    n->version = (int32_t)(clock - n->version) > 0 ? clock : n->version;
    n->upkeep_at = now + pp_random_jitter(&m->a.random, n->net->update / 4);
    n->faces_at = now + pp_random_jitter(&m->a.random, 2 * PP_SECOND);
    n->settle_at = PP_NEVER;
    n->giving = n->searching = n->holed = false;
    can_changed(n, now);
}

/* ---- the joiner ---- */

static void ask_to_join(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *owner);

/* Takes the zone; who stands round it is greeted once we are active. */
static void enter(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *owner,
                  struct can_zone zone, const struct pp_page *page)
{
    zone.ward = false;
    if (can_zones_set(&n->zones, &zone, 1) != PP_OK) {
        pp_member_retry(&n->m, now);
        return;
    }
    pp_candidates_free(&n->m.candidates);
    pp_candidates_add(&n->m.candidates, owner, CAN_TAG_PROBE);
    for (size_t i = 0; i < page->n; i++) {
        struct can_zone its;
        if (can_zone_get(page->extra[i], &its) && can_zones_meet(&n->net->space, &n->zones, its) &&
            pp_peer_plausible(&page->peers[i], owner->address) &&
            !pp_id_equal(&page->peers[i].id, &n->m.a.self.id)) {
            pp_candidates_add(&n->m.candidates, &page->peers[i], CAN_TAG_PROBE);
        }
    }
    pp_member_activate(&n->m, now);
}

static void on_answer(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    struct can_zone zone;
    struct pp_page page;
    if (n->m.phase != PP_PHASE_ENTER || answer->code == PP_AGAIN) {
        return;
    }
    if (answer->code == PP_OK && answer->rx->facts & PP_ID_PROVED) {
        uint8_t kind = pp_read8(&answer->body);
        can_read_zone(&answer->body, &zone);
        pp_read_page(&answer->body, &page, CAN_ZONE_LEN);
        bool read = pp_read_done(&answer->body);
        if (read && kind == GIVEN) {
            enter(n, now, &answer->rx->from, zone, &page);
            return;
        }
        if (read && kind == REFER && page.n == 1 && n->referrals++ < REFERRALS_MAX &&
            pp_peer_plausible(&page.peers[0], answer->rx->from.address)) {
            ask_to_join(n, now, &page.peers[0]);
            return;
        }
    }
    pp_member_retry(&n->m, now);
}

static void ask_to_join(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *owner)
{
    struct pp_writer w;
    pp_agent_begin(&n->m.a, &w, CAN_JOIN);
    pp_write8(&w, n->referrals);
    if (!pp_member_ask(&n->m, now, owner, &w, on_answer, 0)) {
        pp_member_retry(&n->m, now);
    }
}

void can_place(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    struct pp_substrate_node *n = can_node(m);
    n->referrals = 0;
    ask_to_join(n, now, &result->peers[0]);
}

/* ---- the owner ---- */

/* What a node has to give: a ward rather than half a home, then the largest. */
static unsigned largess(const struct can_zones *zones)
{
    unsigned best = 0;
    for (size_t i = 0; i < zones->n; i++) {
        unsigned size = CAN_DEPTH_MAX - zones->at[i].depth;
        unsigned gift = zones->at[i].ward ? 2 * CAN_DEPTH_MAX + size : size;
        best = gift > best ? gift : best;
    }
    return best;
}

/* The neighbour with more to give than we have. */
static const struct pp_peer *richer(struct pp_substrate_node *n)
{
    unsigned best = largess(&n->zones), ties = 0;
    const struct pp_peer *found = NULL;
    for (size_t i = 0; i < n->near.n; i++) {
        unsigned its = largess(&n->facts[i].zones);
        if (n->near.at[i].flags & PP_ENTRY_SUSPECT || its < best || (its == best && !found)) {
            continue;
        }
        ties = its > best ? 0 : ties + 1;
        if (ties == 0 || pp_random_below(&n->m.a.random, ties + 1) == 0) {
            found = &n->near.at[i].peer;
        }
        best = its;
    }
    return found;
}

/* Gives a ward or a half away: from here on it is the joiner's. false: nothing can be split. */
static bool give(struct pp_substrate_node *n, pp_ns now, const struct pp_id *joiner)
{
    struct can_zone point = can_point(&n->net->space, joiner);
    size_t home = can_zones_home(&n->zones), from = home;
    for (size_t i = 0; i < n->zones.n; i++) {
        bool better = from == home || n->zones.at[i].depth < n->zones.at[from].depth;
        from = n->zones.at[i].ward && better ? i : from;
    }
    struct can_zone *zone = &n->zones.at[from];
    if (from != home) {
        n->granted = *zone;
        can_zones_remove(&n->zones, from);
    } else if (zone->depth < CAN_DEPTH_MAX) {
        struct can_zone own = can_point(&n->net->space, &n->m.a.self.id);
        n->granted = can_half_for(*zone, own, point);
        *zone = can_sibling(n->granted);
    } else {
        return false;
    }
    n->joiner = *joiner;
    n->granted_until = now + GRANT_TIME;
    return true;
}

static void answer_join(struct pp_substrate_node *n, const struct pp_rx *rx,
                        const struct pp_header *header, enum answer kind,
                        const struct pp_peer *refer)
{
    struct pp_writer w;
    pp_agent_begin_reply(&n->m.a, &w, header);
    pp_write8(&w, (uint8_t)kind);
    can_write_zone(&w, kind == GIVEN ? n->granted : (struct can_zone){0});
    if (kind == GIVEN) {
        can_write_list(&w, n, &(struct can_zones){&n->granted, 1});
    } else {
        const uint8_t extra[CAN_ZONE_LEN] = {0};
        pp_write_page(&w, refer, refer != NULL, 0, extra, CAN_ZONE_LEN);
    }
    pp_agent_send(&n->m.a, &rx->from, &w);
}

void can_on_join(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                 const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = can_node(m);
    uint8_t referrals = pp_read8(body);
    if (!pp_read_done(body) || header->flags & PP_WIRE_ACTIVE) {
        return;
    }
    bool granted = now < n->granted_until, again = pp_id_equal(&n->joiner, &rx->from.id);
    const struct pp_peer *refer = n->net->uniform && referrals < REFERRALS_MAX ? richer(n) : NULL;
    if (n->m.phase != PP_PHASE_MEMBER || n->giving || (granted && !again)) {
        answer_join(n, rx, header, BUSY, NULL);
    } else if (granted) {
        answer_join(n, rx, header, GIVEN, NULL);
    } else if (refer) {
        answer_join(n, rx, header, REFER, refer);
    } else if (give(n, now, &rx->from.id)) {
        answer_join(n, rx, header, GIVEN, NULL); /* before those are let go whom only it touches */
        can_changed(n, now);
    } else {
        answer_join(n, rx, header, BUSY, NULL);
    }
}
