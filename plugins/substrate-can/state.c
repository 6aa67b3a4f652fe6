/*
 * The neighbours and zones of a node and the only code that changes them by what others say: who
 * stands in the table, what a peer's own word does to it, and who gives way when two claim the same
 * part of the space.
 */
#include "can.h"

#include <common/find.h>
#include <stdlib.h>

#define TICK_SHIFT 24

static const struct pp_order by_id = {.distance = pp_distance_clockwise};

size_t can_tables(const struct pp_member *m, struct pp_table out[PP_TABLES_MAX])
{
    out[0] = (struct pp_table){&can_node(m)->near, by_id, CAN_TOUCHING};
    return 1;
}

struct can_facts *can_find(const struct pp_substrate_node *n, const struct pp_id *id)
{
    int at = pp_peerset_find(&n->near, &by_id, id);
    return at >= 0 ? &n->facts[at] : NULL;
}

static void take_out(struct pp_substrate_node *n, size_t at)
{
    can_zones_free(&n->facts[at].zones);
    free(n->facts[at].list);
    pp_peerset_remove(&n->near, at);
    memmove(n->facts + at, n->facts + at + 1, (n->near.n - at) * sizeof *n->facts);
    n->version++;
}

static struct can_facts *put_in(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer)
{
    struct pp_entry entry = pp_entry_now(peer, now);
    struct can_facts *grown = realloc(n->facts, (n->near.n + 1u) * sizeof *grown);
    if (!grown) {
        return NULL;
    }
    n->facts = grown;
    int at =
        n->near.n < CAN_TOUCHING ? pp_peerset_insert(&n->near, &by_id, CAN_TOUCHING, &entry) : -1;
    if (at < 0) {
        return NULL;
    }
    struct can_facts *facts = &n->facts[at];
    memmove(facts + 1, facts, (n->near.n - 1u - (size_t)at) * sizeof *facts);
    *facts = (struct can_facts){0};
    n->version++;
    return facts;
}

static uint32_t where(const struct pp_peer *peer)
{
    static const uint8_t key[16] = {0};
    return (uint32_t)pp_siphash(key, peer, sizeof *peer);
}

void can_put(struct pp_substrate_node *n, const struct pp_substrate_node *other, pp_ns now)
{
    struct can_facts *facts = put_in(n, now, &other->m.a.self);
    if (facts) {
        can_zones_set(&facts->zones, other->zones.at, other->zones.n);
        facts->where = where(&other->m.a.self);
        facts->stated = (uint32_t)(now >> TICK_SHIFT);
    }
}

void can_put_list(struct pp_substrate_node *n, const struct pp_substrate_node *other)
{
    struct can_facts *facts = can_find(n, &other->m.a.self.id);
    if (!facts) {
        return; /* no room for it */
    }
    facts->list = malloc((other->near.n + 1u) * sizeof *facts->list);
    for (uint16_t i = 0; facts->list && i < other->near.n; i++) {
        facts->list[facts->n_list++] =
            (struct can_heard){other->near.at[i].peer, other->facts[i].zones.at[0]};
    }
    facts->version = facts->listed = other->version;
}

bool can_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag)
{
    return tag & CAN_TAG_PROBE && !can_find(can_node(m), id);
}

void can_free(struct pp_member *m)
{
    struct pp_substrate_node *n = can_node(m);
    while (n->near.n > 0) {
        take_out(n, n->near.n - 1u);
    }
    can_zones_free(&n->zones);
    free(n->facts);
    n->facts = NULL;
    n->holed = false;
}

/* A client's or joiner's memory: the one not heard for the longest gives way. */
static void remember(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer)
{
    if (!can_find(n, &peer->id)) {
        if (n->near.n >= CAN_KNOWN) {
            take_out(n, (size_t)pp_peerset_oldest(&n->near, now));
        }
        put_in(n, now, peer);
    }
}

void can_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag)
{
    struct pp_substrate_node *n = can_node(m);
    bool member = m->phase == PP_PHASE_MEMBER;
    (void)tag;
    if (pp_id_is_zero(&peer->id) || m->phase >= PP_PHASE_LEAVING ||
        (!m->client && pp_id_equal(&peer->id, &m->a.self.id))) {
        return;
    }
    if (m->client || !member) {
        remember(n, now, peer);
    }
    if (m->client || (member && n->near.n > 0)) { /* a passer-by is no neighbour: still alone */
        pp_member_set_state(m, n->holed && member ? PP_DEGRADED : PP_ACTIVE);
    }
}

void can_forget(struct pp_member *m, pp_ns now, const struct pp_id *id)
{
    struct pp_substrate_node *n = can_node(m);
    int at = pp_peerset_find(&n->near, &by_id, id);
    bool member = m->phase == PP_PHASE_MEMBER, last = member && n->near.n == 1;
    if (at < 0) {
        return;
    }
    const struct can_facts *facts = &n->facts[at];
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

/* ---- who gives way ---- */

/* Largest of them: the home when there was none left. */
static void find_home(struct can_zones *zones)
{
    size_t best = can_zones_home(zones);
    if (zones->n == 0 || !zones->at[best].ward) {
        return;
    }
    for (size_t i = 0; i < zones->n; i++) {
        best = zones->at[i].depth < zones->at[best].depth ? i : best;
    }
    zones->at[best].ward = false;
}

/* The part of own zone `index` that is `taken` is given up; the rest stays, in pieces, as wards but
 * for the largest piece of a home. */
static bool give_up(struct pp_substrate_node *n, size_t index, struct can_zone taken)
{
    struct can_zone rest = n->zones.at[index];
    if (n->zones.n + (unsigned)(taken.depth - rest.depth) > CAN_ZONES_MAX) {
        return false;
    }
    can_zones_remove(&n->zones, index);
    while (rest.depth < taken.depth) {
        unsigned bit = taken.prefix >> (CAN_DEPTH_MAX - 1 - rest.depth) & 1u;
        can_zones_add(&n->zones, can_half(rest, !bit));
        rest = can_half(rest, bit);
        rest.ward = true;
    }
    find_home(&n->zones);
    return true;
}

/* Does our zone give way to that of another? */
static bool yields(const struct pp_substrate_node *n, struct can_zone ours, struct can_zone theirs,
                   const struct pp_id *id)
{
    if (!can_nested(ours, theirs)) {
        return false;
    }
    if (n->giving && pp_id_equal(&n->taker, id) && can_zone_equal(ours, n->given)) {
        return true; /* we gave it to that very node */
    }
    if (ours.ward != theirs.ward) {
        return ours.ward;
    }
    if (ours.depth != theirs.depth) {
        return ours.depth < theirs.depth;
    }
    return pp_id_compare(id, &n->m.a.self.id) < 0;
}

static bool yield_all(struct pp_substrate_node *n, const struct pp_id *id,
                      const struct can_word *word)
{
    bool changed = false;
    for (size_t i = 0; i < word->n; i++) {
        for (size_t j = n->zones.n; j-- > 0;) { /* pieces of one do not overlap the same again */
            struct can_zone ours = n->zones.at[j], theirs = word->zones[i];
            struct can_zone part = can_inside(ours, theirs) ? ours : theirs;
            changed = (yields(n, ours, theirs, id) && give_up(n, j, part)) || changed;
        }
    }
    return changed;
}

/* ---- a peer's own word ---- */

/* Is this word newer than what we hold? A version that contradicts ours twice in replies is right:
 * ours came from a liar, or the clock of a restarted node is behind. */
static bool newer(struct can_facts *facts, const struct can_word *word, bool replied)
{
    int32_t ahead = (int32_t)(word->version - facts->version);
    bool same = word->n == facts->zones.n;
    for (size_t i = 0; i < word->n && same; i++) {
        int at = can_zones_find(&facts->zones, word->zones[i]);
        same = at >= 0 && facts->zones.at[at].ward == word->zones[i].ward;
    }
    if (same) {
        facts->version = ahead > 0 ? word->version : facts->version;
        facts->contradicted = 0;
    }
    if (same || ahead > 0) {
        return !same;
    }
    if (!replied) { /* an old one, or ours is wrong: to be asked */
        facts->contradicted = facts->contradicted ? facts->contradicted : 1;
        return false;
    }
    return ++facts->contradicted >= 2;
}

static bool touches_us(const struct pp_substrate_node *n, const struct can_zone *zones, size_t k)
{
    for (size_t i = 0; i < k; i++) {
        if (can_zones_meet(&n->net->space, &n->zones, zones[i])) {
            return true;
        }
    }
    return false;
}

static void place(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
                  const struct can_word *word)
{
    int at = pp_peerset_find(&n->near, &by_id, &peer->id);
    bool touches = n->m.phase != PP_PHASE_MEMBER || touches_us(n, word->zones, word->n);
    if (at >= 0 && !touches) {
        take_out(n, (size_t)at);
    }
    struct can_facts *facts = !touches ? NULL : at >= 0 ? &n->facts[at] : put_in(n, now, peer);
    if (facts && can_zones_set(&facts->zones, word->zones, word->n) == PP_OK) {
        facts->version = word->version;
        facts->contradicted = 0;
        n->version++;
    }
}

/* All is lost to another: we tell so, and enter anew through the winner, who belongs to the network
 * that goes on. */
static void give_way(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
                     const struct can_word *word)
{
    struct pp_peer winner = *peer;
    struct can_facts *facts;
    remember(n, now, &winner);
    facts = can_find(n, &winner.id);
    if (facts) {
        can_zones_set(&facts->zones, word->zones, word->n);
    }
    can_changed(n, now);
    pp_member_rejoin(&n->m, now);
    pp_member_seek(&n->m, now, &winner, 1);
}

/* What its word leaves to note of a neighbour: when it came, the list, a new endpoint. */
static void note(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
                 const struct can_word *word)
{
    struct can_facts *facts = can_find(n, &peer->id);
    if (!facts) {
        return;
    }
    if (!facts->contradicted) {
        facts->stated = (uint32_t)(now >> TICK_SHIFT);
    }
    n->version += facts->where != where(peer);
    facts->where = where(peer);
    if (!word->listed) {
        return;
    }
    struct can_heard *list = realloc(facts->list, (word->list.n + 1u) * sizeof *list);
    if (!list) {
        return;
    }
    facts->list = list;
    facts->n_list = 0;
    for (size_t i = 0; i < word->list.n; i++) {
        list[facts->n_list].peer = word->list.peers[i];
        facts->n_list += can_zone_get(word->list.extra[i], &list[facts->n_list].zone);
    }
    facts->listed = word->version;
}

static void take_word(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
                      const struct can_word *word, bool replied)
{
    struct can_facts *facts = can_find(n, &peer->id);
    bool member = n->m.phase == PP_PHASE_MEMBER;
    if (!member && !facts) {
        return;
    }
    if (pp_id_equal(&n->joiner, &peer->id)) {
        n->granted_until = 0; /* it has taken its place */
    }
    if (!facts || newer(facts, word, replied)) {
        bool changed = member && yield_all(n, &peer->id, word);
        if (changed && n->zones.n == 0) {
            give_way(n, now, peer, word);
            return;
        }
        place(n, now, peer, word);
        if (changed) {
            can_warded(n, now); /* the pieces */
            can_changed(n, now);
        } else if (member) {
            can_faces_soon(n, now);
        }
    }
    note(n, now, peer, word);
    if (word->listed) {
        can_hear_page(n, now, &word->list, peer);
    }
}

void can_changed(struct pp_substrate_node *n, pp_ns now)
{
    n->version++;
    for (size_t i = 0; i < n->near.n; i++) {
        pp_member_ping(&n->m, now, &n->near.at[i].peer, 0);
    }
    for (size_t i = n->near.n; i-- > 0 && n->zones.n > 0;) {
        if (!touches_us(n, n->facts[i].zones.at, n->facts[i].zones.n)) {
            take_out(n, i);
        }
    }
    can_faces_soon(n, now);
}

void can_greet(struct pp_member *m, const struct pp_peer *to, struct pp_writer *w)
{
    if (m->client) { /* a stranger's word is not heard */
        pp_agent_begin(&m->a, w, PP_WIRE_PING);
        pp_write_ping(w, NULL);
        return;
    }
    struct pp_substrate_node *n = can_node(m);
    const struct can_facts *facts = can_find(n, &to->id);
    pp_agent_begin(&m->a, w, CAN_STATE);
    can_write_word(w, n, facts ? facts->listed : 0, &n->zones, n->zones.n == 0);
}

void can_greeted(struct pp_member *m, pp_ns now, struct pp_answer *answer)
{
    struct can_word word;
    if (m->phase < PP_PHASE_LEAVING && can_read_word(&answer->body, &word)) {
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
    if (header->flags & PP_WIRE_ACTIVE && n->m.phase < PP_PHASE_LEAVING) {
        take_word(n, now, &rx->from, &word, false);
    }
    pp_agent_begin_reply(&n->m.a, &w, header);
    can_write_word(&w, n, 0, &n->zones, word.have != n->version);
    pp_agent_send(&n->m.a, &rx->from, &w);
}

void can_hear(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
              struct can_zone zone, const struct pp_peer *teller)
{
    if (n->m.phase == PP_PHASE_MEMBER && can_zones_meet(&n->net->space, &n->zones, zone)) {
        pp_member_candidate(&n->m, now, peer, teller, CAN_TAG_PROBE);
    }
}

void can_hear_page(struct pp_substrate_node *n, pp_ns now, const struct pp_page *page,
                   const struct pp_peer *teller)
{
    for (size_t i = 0; i < page->n; i++) {
        struct can_zone zone;
        if (can_zone_get(page->extra[i], &zone)) {
            can_hear(n, now, &page->peers[i], zone, teller);
        }
    }
}
