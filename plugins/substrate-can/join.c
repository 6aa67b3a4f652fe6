/*
 * Joining (Ratnasamy et al. 2001, section 2.2; uniform partitioning: section 3.6): JOIN to the
 * owner of the own point, who refers to the largest zone round it or offers a half; ACCEPT, from
 * which on the owner gives it up; its reply commits. An owner that dies in between is no harm: the
 * joiner takes its half, and of two claims the deeper keeps. Each step may be repeated.
 */
#include "can.h"

#define OFFER_TIME (5 * PP_SECOND)
#define ACCEPT_TIME (12 * PP_SECOND)
#define REFERRALS_MAX 12

enum answer { OFFER = 1, REFER = 2, BUSY = 3 };

void can_activated(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = can_node(m);
    if (n->zones.n == 0) {
        can_zones_add(&n->zones, (struct can_zone){0, 0}); /* the first of a network */
    }
    n->list_version = (uint32_t)pp_random_next(&m->a.random);
    n->upkeep_at = now + pp_random_jitter(&m->a.random, n->net->update / 4);
    n->faces_at = now + pp_random_jitter(&m->a.random, 2 * PP_SECOND);
    n->defrag_at = now + pp_random_jitter(&m->a.random, n->net->update);
    can_changed(n, now);
}

/* ---- the joiner ---- */

static void ask_to_join(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *owner);

static void on_accepted(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    if (n->m.phase != PP_PHASE_ENTER || answer->code == PP_AGAIN) {
        return;
    }
    bool refused = answer->code == PP_IDENTITY ||
                   (answer->code == PP_OK &&
                    (pp_read8(&answer->body) != OFFER || !pp_read_done(&answer->body)));
    if (refused) {
        pp_candidates_free(&n->m.candidates);
        pp_member_retry(&n->m, now);
        return;
    }
    can_zones_free(&n->zones);
    if (can_zones_add(&n->zones, n->sought) != PP_OK) {
        pp_member_retry(&n->m, now);
        return;
    }
    pp_member_activate(&n->m, now);
}

/* Takes the offer; who stands round it will be greeted once we are active. */
static void accept(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *owner,
                   struct can_zone zone, const struct pp_page *page)
{
    struct pp_writer w;
    n->sought = zone;
    pp_candidates_free(&n->m.candidates);
    pp_candidates_add(&n->m.candidates, owner, CAN_TAG_PROBE);
    for (size_t i = 0; i < page->n; i++) {
        struct can_zone its;
        if (can_zone_get(page->extra[i], &its) && can_abut(&n->net->space, its, zone) &&
            pp_peer_plausible(&page->peers[i], owner->address) &&
            !pp_id_equal(&page->peers[i].id, &n->m.a.self.id)) {
            pp_candidates_add(&n->m.candidates, &page->peers[i], CAN_TAG_PROBE);
        }
    }
    pp_agent_begin(&n->m.a, &w, CAN_ACCEPT);
    can_write_zone(&w, zone);
    struct pp_request request = {
        .to = owner, .rto = pp_member_rto(&n->m, &owner->id), .done = on_accepted, .owner = &n->m};
    if (pp_rpc_send(&n->m.a, now, &request, &w) != PP_OK) {
        pp_member_retry(&n->m, now);
    }
}

static void on_offered(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
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
        if (pp_read_done(&answer->body) && kind == OFFER) {
            accept(n, now, &answer->rx->from, zone, &page);
            return;
        }
        if (pp_read_done(&answer->body) && kind == REFER && page.n == 1 &&
            n->referrals++ < REFERRALS_MAX &&
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
    struct pp_request request = {
        .to = owner, .rto = pp_member_rto(&n->m, &owner->id), .done = on_offered, .owner = &n->m};
    if (pp_rpc_send(&n->m.a, now, &request, &w) != PP_OK) {
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

/* What the joiner shall get: a zone too many, or a half of that in which its point lies. false:
 * nothing can be split any more. */
static bool choose(const struct pp_substrate_node *n, const struct pp_id *joiner,
                   struct can_zone *out)
{
    struct can_zone point = can_point(&n->net->space, joiner), own = n->zones.at[0];
    for (size_t i = 1; i < n->zones.n; i++) {
        if (n->zones.at[i].depth < own.depth) {
            own = n->zones.at[i];
        }
    }
    *out = own;
    if (n->zones.n > 1) {
        return true;
    }
    if (own.depth >= CAN_DEPTH_MAX) {
        return false;
    }
    struct can_zone low = can_half(own, 0), high = can_half(own, 1);
    struct can_zone home = can_point(&n->net->space, &n->m.a.self.id);
    bool takes_high = can_inside(point, own) && !can_inside(home, own) ? can_inside(point, high)
                                                                       : !can_inside(home, high);
    *out = takes_high ? high : low;
    return true;
}

/* The neighbour with the largest zone, when it is larger than all of ours. */
static const struct can_neighbour *larger(struct pp_substrate_node *n)
{
    uint8_t best = CAN_DEPTH_MAX;
    const struct can_neighbour *found = NULL;
    unsigned ties = 0;
    for (size_t i = 0; i < n->zones.n; i++) {
        best = n->zones.at[i].depth < best ? n->zones.at[i].depth : best;
    }
    for (size_t i = 0; n->zones.n == 1 && i < n->n; i++) {
        const struct can_neighbour *who = &n->at[i];
        for (size_t j = 0; j < who->zones.n && !(who->entry.flags & PP_ENTRY_SUSPECT); j++) {
            uint8_t depth = who->zones.at[j].depth;
            if (depth < best ||
                (depth == best && found && pp_random_below(&n->m.a.random, ++ties + 1) == 0)) {
                ties = depth < best ? 0 : ties;
                best = depth;
                found = who;
            }
        }
    }
    return found;
}

static void answer_join(struct pp_substrate_node *n, const struct pp_rx *rx,
                        const struct pp_header *header, enum answer kind, struct can_zone zone,
                        const struct can_neighbour *refer)
{
    struct pp_writer w;
    pp_agent_begin_reply(&n->m.a, &w, header);
    pp_write8(&w, (uint8_t)kind);
    can_write_zone(&w, zone);
    if (kind == OFFER) {
        can_write_list(&w, n, 0, &zone);
    } else {
        uint8_t extra[CAN_ZONE_LEN];
        can_zone_put(extra, zone);
        pp_write_page(&w, refer ? &refer->entry.peer : NULL, refer != NULL, 0, extra, CAN_ZONE_LEN);
    }
    pp_agent_send(&n->m.a, &rx->from, &w);
}

void can_on_join(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                 const struct pp_header *header, struct pp_reader *body)
{
    struct can_zone zone = {0, 0};
    uint8_t referrals = pp_read8(body);
    struct can_grant *grant = &n->grant;
    if (!pp_read_done(body) || header->flags & PP_WIRE_ACTIVE) {
        return;
    }
    bool again = pp_id_equal(&grant->peer.id, &rx->from.id) && now < grant->until &&
                 !grant->accepted && can_zones_hold(&n->zones, grant->zone);
    const struct can_neighbour *refer =
        n->net->uniform && referrals < REFERRALS_MAX && !again ? larger(n) : NULL;
    if (again) {
        answer_join(n, rx, header, OFFER, grant->zone, NULL);
    } else if (n->m.phase != PP_PHASE_MEMBER || n->handing ||
               (now < grant->until && !pp_id_equal(&grant->peer.id, &rx->from.id))) {
        answer_join(n, rx, header, BUSY, zone, NULL);
    } else if (refer) {
        answer_join(n, rx, header, REFER, refer->zones.at[0], refer);
    } else if (choose(n, &rx->from.id, &zone)) {
        *grant = (struct can_grant){rx->from, zone, now + OFFER_TIME, false};
        answer_join(n, rx, header, OFFER, zone, NULL);
    } else {
        answer_join(n, rx, header, BUSY, zone, NULL);
    }
}

/* From here on the part is the joiner's. */
static void give(struct pp_substrate_node *n, pp_ns now)
{
    struct can_grant *grant = &n->grant;
    int whole = can_zones_find(&n->zones, grant->zone);
    grant->accepted = true;
    grant->until = now + ACCEPT_TIME;
    if (whole >= 0) {
        can_zones_remove(&n->zones, (size_t)whole);
    } else {
        whole = can_zones_find(&n->zones, can_parent(grant->zone));
        n->zones.at[whole] = can_sibling(grant->zone);
    }
    can_changed(n, now);
}

void can_on_accept(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                   const struct pp_header *header, struct pp_reader *body)
{
    struct can_grant *grant = &n->grant;
    struct can_zone zone;
    struct pp_writer w;
    can_read_zone(body, &zone);
    if (!pp_read_done(body) || header->flags & PP_WIRE_ACTIVE) {
        return;
    }
    bool right = n->m.phase == PP_PHASE_MEMBER && now < grant->until &&
                 pp_id_equal(&grant->peer.id, &rx->from.id) && can_zone_equal(zone, grant->zone);
    bool holds = right && !grant->accepted &&
                 ((n->zones.n > 1 && can_zones_find(&n->zones, zone) >= 0) ||
                  (zone.depth > 0 && can_zones_find(&n->zones, can_parent(zone)) >= 0));
    if (holds) {
        give(n, now);
    }
    pp_agent_begin_reply(&n->m.a, &w, header);
    pp_write8(&w, right && grant->accepted ? OFFER : BUSY);
    pp_agent_send(&n->m.a, &rx->from, &w);
}

bool can_promised(const struct pp_substrate_node *n, pp_ns now, struct can_zone zone)
{
    return n->grant.accepted && now < n->grant.until && can_nested(zone, n->grant.zone);
}
