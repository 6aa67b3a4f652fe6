/*
 * The neighbours and zones of a node and the only code that changes them by what others say: who
 * stands in the table, what a peer's own word does to it, and who gives way when two claim the same
 * part of the space.
 */
#include "can.h"

#include <common/find.h>
#include <stdlib.h>

#define TICK_SHIFT 24
#define KNOWN 64     /* peers that a client or joiner remembers */
#define WARDS_MAX 32 /* more are too many to be kept long */

const struct pp_order can_by_id = {.distance = pp_distance_clockwise};

size_t can_tables(const struct pp_member *m, struct pp_table out[PP_TABLES_MAX])
{
    out[0] = (struct pp_table){&can_node(m)->near, can_by_id, CAN_TOUCHING};
    out[1] = (struct pp_table){&can_node(m)->known, can_by_id, KNOWN};
    return 2;
}

struct can_facts *can_find(const struct pp_substrate_node *n, const struct pp_id *id)
{
    int at = pp_peerset_find(&n->near, &can_by_id, id);
    return at >= 0 ? &n->facts[at] : NULL;
}

static void take_out(struct pp_substrate_node *n, size_t at)
{
    can_zones_free(&n->facts[at].zones);
    free(n->facts[at].list);
    pp_peerset_remove(&n->near, at);
    memmove(n->facts + at, n->facts + at + 1, (n->near.n - at) * sizeof *n->facts);
}

static struct can_facts *put_in(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer)
{
    struct pp_entry entry = pp_entry_now(peer, now);
    struct can_facts *grown = realloc(n->facts, (n->near.n + 1u) * sizeof *grown);
    n->facts = grown ? grown : n->facts;
    if (!grown || n->near.n == CAN_TOUCHING) {
        return NULL;
    }
    int at = pp_peerset_insert(&n->near, &can_by_id, CAN_TOUCHING, &entry);
    if (at < 0) {
        return NULL;
    }
    memmove(grown + at + 1, grown + at, (n->near.n - 1u - (size_t)at) * sizeof *grown);
    grown[at] = (struct can_facts){.stated = (uint32_t)(now >> TICK_SHIFT)};
    return &grown[at];
}

void can_free(struct pp_member *m)
{
    struct pp_substrate_node *n = can_node(m);
    while (n->near.n > 0) {
        take_out(n, n->near.n - 1u);
    }
    pp_peerset_free(&n->known);
    can_zones_free(&n->zones);
    free(n->facts);
    n->facts = NULL;
    n->holed = false;
}

bool can_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag)
{
    return tag & CAN_TAG_PROBE && !can_find(can_node(m), id);
}

void can_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag)
{
    bool self = !m->client && pp_id_equal(&peer->id, &m->a.self.id);
    (void)tag;
    if (self || pp_id_is_zero(&peer->id) || m->phase >= PP_PHASE_MEMBER) {
        return; /* to a member, a passer-by is no neighbour */
    }
    if (!can_find(can_node(m), &peer->id)) {
        pp_peerset_remember(&can_node(m)->known, &can_by_id, KNOWN, peer, now);
    }
    if (m->client) {
        pp_member_set_state(m, PP_ACTIVE);
    }
}

void can_forget(struct pp_member *m, pp_ns now, const struct pp_id *id)
{
    struct pp_substrate_node *n = can_node(m);
    int at = pp_peerset_find(&n->near, &can_by_id, id);
    if (at < 0) {
        pp_tables_remove(m, id);
        return;
    }
    const struct can_facts *facts = &n->facts[at];
    bool member = m->phase == PP_PHASE_MEMBER, last = member && n->near.n == 1;
    for (size_t i = 0; i < facts->n_list && last; i++) { /* they may be all that is left to us */
        pp_member_candidate(m, now, &facts->list[i].peer, &n->near.at[at].peer, CAN_TAG_PROBE);
    }
    take_out(n, (size_t)at);
    if (member) {
        can_faces_soon(n, now);
    }
    if (last) {
        pp_member_set_state(m, PP_ALONE);
    }
}

bool can_touches(const struct pp_substrate_node *n, const struct can_zones *zones)
{
    size_t i = 0;
    while (i < zones->n && !can_zones_meet(&n->net->space, &n->zones, zones->at[i])) {
        i++;
    }
    return i < zones->n;
}

void can_stand(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
               const struct can_zones *zones)
{
    int at = pp_peerset_find(&n->near, &can_by_id, &peer->id);
    bool touches = can_touches(n, zones);
    if (at >= 0 && !touches) {
        take_out(n, (size_t)at);
    }
    struct can_facts *facts = !touches ? NULL : at >= 0 ? &n->facts[at] : put_in(n, now, peer);
    if (facts) {
        can_zones_set(&facts->zones, zones->at, zones->n);
    }
    if (facts && n->m.state == PP_ALONE) {
        pp_member_set_state(&n->m, PP_ACTIVE);
    }
}

/* ---- who gives way ---- */

/* The home is lost: the largest of what is left takes its place. */
static void find_home(struct can_zones *zones)
{
    struct can_zone first = zones->at[0];
    size_t best = 0;
    for (size_t i = 1; i < zones->n; i++) {
        best = zones->at[i].depth < zones->at[best].depth ? i : best;
    }
    zones->at[0] = zones->at[best];
    zones->at[0].hold = CAN_HOME;
    zones->at[best] = best > 0 ? first : zones->at[0];
}

/* The part of own zone `index` that is `taken` is given up. The rest stays, in pieces, of which the
 * largest is held as the whole was, and those of a home are wards. */
static bool give_up(struct can_zones *zones, size_t index, struct can_zone taken)
{
    struct can_zone rest = zones->at[index];
    if (rest.depth >= taken.depth) {
        can_zones_remove(zones, index);
        if (index == 0 && zones->n > 0) {
            find_home(zones);
        }
        return true;
    }
    if (zones->n + (unsigned)(taken.depth - rest.depth) > CAN_ZONES_MAX) {
        return false;
    }
    for (bool first = true; rest.depth < taken.depth; first = false) {
        unsigned bit = taken.prefix >> (CAN_DEPTH_MAX - 1 - rest.depth) & 1u;
        if (first) {
            zones->at[index] = can_half(rest, !bit);
        } else {
            can_zones_add(zones, can_half(rest, !bit));
        }
        rest = can_half(rest, bit);
        rest.hold = rest.hold == CAN_HOME ? CAN_WARD : rest.hold;
    }
    return true;
}

/* Does our zone give way to that of another? */
static bool yields(const struct pp_substrate_node *n, struct can_zone ours, struct can_zone theirs,
                   const struct pp_id *id)
{
    if (!can_nested(ours, theirs)) {
        return false;
    }
    if ((ours.hold == CAN_HOME) != (theirs.hold == CAN_HOME)) {
        return theirs.hold == CAN_HOME;
    }
    if (ours.depth != theirs.depth) {
        return ours.depth < theirs.depth;
    }
    return pp_id_compare(id, &n->m.a.self.id) < 0;
}

static bool yield_all(struct pp_substrate_node *n, const struct pp_id *id,
                      const struct can_zones *zones)
{
    bool changed = false;
    for (size_t i = 0; i < zones->n; i++) {
        for (size_t j = n->zones.n; j-- > 0;) { /* pieces of one do not overlap the same again */
            changed = (yields(n, n->zones.at[j], zones->at[i], id) &&
                       give_up(&n->zones, j, zones->at[i])) ||
                      changed;
        }
    }
    return changed;
}

/* ---- a peer's own word ---- */

/* All is lost to another: we tell so, and enter anew through the winner, who belongs to the network
 * that goes on. */
static void give_way(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer)
{
    struct pp_peer winner = *peer;
    can_changed(n, now);
    pp_member_rejoin(&n->m, now);
    pp_member_seek(&n->m, now, &winner, 1);
}

/* What its word leaves to note of a neighbour, and whom it names. */
static void note(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
                 const struct can_word *word)
{
    struct can_facts *facts = can_find(n, &peer->id);
    if (!facts) {
        return;
    }
    facts->stated = (uint32_t)(now >> TICK_SHIFT);
    facts->version = word->version;
    facts->told = word->digest;
    struct can_heard *list =
        word->listed ? realloc(facts->list, (word->list.n + 1u) * sizeof *list) : NULL;
    if (!list) {
        return;
    }
    facts->list = list;
    facts->listed = word->digest;
    facts->n_list = 0;
    for (size_t i = 0; i < word->list.n; i++) {
        struct can_heard *heard = &list[facts->n_list];
        heard->peer = word->list.peers[i];
        if (can_zone_get(word->list.extra[i], &heard->zone)) {
            facts->n_list++;
            can_hear(n, now, &heard->peer, heard->zone, peer);
        }
    }
}

/* Replies are heard as they come; of what is told unasked, what is newer. */
static void take_word(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
                      struct can_word *word, bool replied)
{
    const struct can_facts *facts = can_find(n, &peer->id);
    struct can_zones zones = {word->zones, word->n};
    bool older = facts && (int32_t)(word->version - facts->version) < 0;
    bool news = !facts || !can_zones_same(&facts->zones, &zones);
    if (n->m.phase != PP_PHASE_MEMBER || (older && !replied)) {
        return;
    }
    if (pp_id_equal(&n->joiner, &peer->id)) {
        n->granted_until = 0; /* it has taken its place */
    }
    bool changed = yield_all(n, &peer->id, &zones);
    if (changed && n->zones.n == 0) {
        give_way(n, now, peer);
        return;
    }
    if (news || changed) {
        can_stand(n, now, peer, &zones);
        can_faces_soon(n, now);
    }
    if (changed) {
        can_changed(n, now);
    }
    note(n, now, peer, word);
}

void can_changed(struct pp_substrate_node *n, pp_ns now)
{
    n->version++;
    for (size_t i = 0; i < n->near.n; i++) {
        pp_member_ping(&n->m, now, &n->near.at[i].peer, 0);
    }
    for (size_t i = n->near.n; i-- > 0 && n->zones.n > 0;) {
        if (!can_touches(n, &n->facts[i].zones)) {
            take_out(n, i);
        }
    }
    can_faces_soon(n, now);
    pp_ns kept = n->zones.n > WARDS_MAX ? n->net->update : n->net->wards;
    n->open_at = n->zones.n < 2
                     ? PP_NEVER
                     : pp_sooner(n->open_at, now + pp_random_jitter(&n->m.a.random, kept));
}

void can_greet(struct pp_member *m, const struct pp_peer *to, struct pp_writer *w)
{
    const struct can_facts *facts = can_find(can_node(m), &to->id);
    if (m->phase == PP_PHASE_MEMBER) {
        pp_agent_begin(&m->a, w, CAN_STATE);
        can_write_word(w, can_node(m), facts ? facts->listed : 0, false, NULL);
    } else { /* nobody hears the word of a stranger */
        pp_agent_begin(&m->a, w, PP_WIRE_PING);
        pp_write_ping(w, NULL);
    }
}

void can_greeted(struct pp_member *m, pp_ns now, struct pp_answer *answer)
{
    struct can_word word;
    if (can_read_word(&answer->body, &word)) {
        take_word(can_node(m), now, &answer->rx->from, &word, true);
    }
}

void can_on_state(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                  const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = can_node(m);
    struct can_word word;
    struct pp_writer w;
    if (!can_read_word(body, &word)) {
        return;
    }
    if (header->flags & PP_WIRE_ACTIVE) {
        take_word(n, now, &rx->from, &word, false);
    }
    pp_agent_begin_reply(&n->m.a, &w, header);
    can_write_word(&w, n, 0, word.have != can_digest(n), NULL);
    pp_agent_send(&n->m.a, &rx->from, &w);
}

void can_hear(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
              struct can_zone zone, const struct pp_peer *teller)
{
    if (n->m.phase == PP_PHASE_MEMBER && can_zones_meet(&n->net->space, &n->zones, zone)) {
        pp_member_candidate(&n->m, now, peer, teller, CAN_TAG_PROBE);
    }
}
