/*
 * Joining (Ratnasamy et al. 2001, section 2.2; uniform partitioning: section 3.6): JOIN to the
 * owner of the own point, who says what it and those round it have; then to whoever of them has a
 * ward or the largest home, until that is the one asked. He is asked for the ward or a half of his
 * home, waits for the joiner and gives the part up when the joiner, now a member, claims it. So
 * nothing is lost when either dies in between: the part is the owner's still, or the joiner's.
 */
#include "can.h"

#define GRANT_TIME (12 * PP_SECOND)
#define REFERRALS_MAX 12

enum answer { GIVEN = 1, REFER = 2, BUSY = 3 };

void can_activated(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = can_node(m);
    uint32_t clock = (uint32_t)(now >> 30);
    if (n->zones.n == 0) {
        can_zones_add(&n->zones, (struct can_zone){0}); /* the first of a network */
    }
    pp_peerset_free(&n->known);
    m->seek_k = CAN_WIDE;
    n->version = (int32_t)(clock - n->version) > 0 ? clock : n->version;
    n->upkeep_at = now + pp_random_jitter(&m->a.random, n->net->update / 4);
    n->faces_at = now + pp_random_jitter(&m->a.random, 2 * PP_SECOND);
    n->open_at = PP_NEVER;
    n->holed = false;
    can_changed(n, now);
}

/* ---- the joiner ---- */

/* Takes the zone; who stands round it is greeted once we are active. */
static void enter(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *owner,
                  const struct pp_page *page)
{
    if (can_zones_set(&n->zones, &n->wanted, 1) != PP_OK) {
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

static void ask(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *owner, bool wants);

/* Goes to whoever has most to give, of the teller and those that it names. */
static void refer(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *teller,
                  const struct can_word *word)
{
    struct can_claim claims[CAN_ZONES_MAX + PP_PAGE_MAX];
    struct can_claim home = {word->zones[0], CAN_OWN, teller};
    size_t count = 0;
    for (; count + 1u < word->n; count++) {
        claims[count] = (struct can_claim){word->zones[count + 1], CAN_OWN, teller};
    }
    for (size_t i = 0; i < word->list.n && n->net->uniform; i++) {
        struct can_claim *claim = &claims[count];
        *claim = (struct can_claim){.source = CAN_HEARSAY, .peer = &word->list.peers[i]};
        count += can_zone_get(word->list.extra[i], &claim->zone) &&
                 !pp_id_equal(&claim->peer->id, &n->m.a.self.id) &&
                 pp_peer_plausible(claim->peer, teller->address);
    }
    const struct can_claim *best = can_richest(&home, claims, count, &n->m.a.random);
    if (++n->referrals > REFERRALS_MAX ||
        (best->zone.hold == CAN_HOME && best->zone.depth == CAN_DEPTH_MAX)) {
        pp_member_retry(&n->m, now);
        return;
    }
    n->wanted = best->zone.hold != CAN_HOME
                    ? best->zone
                    : can_half_for(best->zone, can_point(&n->net->space, &best->peer->id),
                                   can_point(&n->net->space, &n->m.a.self.id));
    n->wanted.hold = CAN_HOME;
    ask(n, now, best->peer, best->source == CAN_OWN);
}

static void on_answer(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_substrate_node *n = (struct pp_substrate_node *)a;
    struct can_word word;
    if (n->m.phase != PP_PHASE_ENTER || answer->code == PP_AGAIN) {
        return;
    }
    bool proved = answer->code == PP_OK && answer->rx->facts & PP_ID_PROVED;
    uint8_t kind = proved ? pp_read8(&answer->body) : BUSY;
    if (kind == BUSY || !can_read_word(&answer->body, &word) || word.n == 0) {
        pp_member_retry(&n->m, now);
    } else if (kind == GIVEN && n->wants) {
        enter(n, now, &answer->rx->from, &word.list);
    } else {
        refer(n, now, &answer->rx->from, &word);
    }
}

static void ask(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *owner, bool wants)
{
    struct pp_writer w;
    n->wants = wants; /* else it is only asked what there is */
    pp_agent_begin(&n->m.a, &w, CAN_JOIN);
    pp_write8(&w, wants);
    can_write_zone(&w, n->wanted);
    if (!pp_member_ask(&n->m, now, owner, &w, on_answer, 0)) {
        pp_member_retry(&n->m, now);
    }
}

void can_place(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    struct pp_substrate_node *n = can_node(m);
    n->referrals = 0;
    n->wanted = can_point(&n->net->space, &m->a.self.id);
    ask(n, now, &result->peers[0], false);
}

/* ---- the owner ---- */

/* A ward, or a half of the home? */
static bool to_be_had(const struct can_zones *zones, struct can_zone wanted)
{
    return can_zones_find(zones, wanted) > 0 ||
           (wanted.depth == zones->at[0].depth + 1 && can_inside(wanted, zones->at[0]));
}

void can_on_join(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                 const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = can_node(m);
    struct can_zone wanted;
    struct pp_writer w;
    bool wants = pp_read8(body) & 1;
    if (!can_read_zone(body, &wanted) || !pp_read_done(body) || header->flags & PP_WIRE_ACTIVE) {
        return;
    }
    enum answer answer = REFER;
    if (m->phase != PP_PHASE_MEMBER ||
        (wants && now < n->granted_until && !pp_id_equal(&n->joiner, &rx->from.id))) {
        answer = BUSY;
    } else if (wants && to_be_had(&n->zones, wanted)) {
        answer = GIVEN;
        n->joiner = rx->from.id;
        n->granted_until = now + GRANT_TIME;
    }
    pp_agent_begin_reply(&m->a, &w, header);
    pp_write8(&w, (uint8_t)answer);
    can_write_word(&w, n, 0, true, &(struct can_zones){&wanted, 1});
    pp_agent_send(&m->a, &rx->from, &w);
}
