/*
 * The neighbours and zones of a node and the only code that changes them: who stands in the table,
 * what a peer's own word does to it, and who gives way when two claim the same part of the space
 * (the deeper keeps, among equals the smaller id: at each point the deepest claim never yields).
 */
#include "can.h"

#include <stdlib.h>

#define TICK_SHIFT 24

static size_t place(const struct pp_substrate_node *n, const struct pp_id *id)
{
    size_t from = 0, to = n->n;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (pp_id_compare(&n->at[middle].entry.peer.id, id) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

struct can_neighbour *can_find(const struct pp_substrate_node *n, const struct pp_id *id)
{
    size_t at = place(n, id);
    return at < n->n && pp_id_equal(&n->at[at].entry.peer.id, id) ? &n->at[at] : NULL;
}

const struct can_heard *can_seen(const struct pp_substrate_node *n, const struct pp_id *id)
{
    for (size_t i = 0; i < n->n_seen; i++) {
        if (pp_id_equal(&n->seen[i].peer.id, id)) {
            return &n->seen[i];
        }
    }
    return NULL;
}

void can_see(struct pp_substrate_node *n, const struct pp_peer *peer, struct can_zone zone)
{
    const struct can_heard *known = can_seen(n, &peer->id);
    if (!n->seen) {
        n->seen = malloc(CAN_SEEN * sizeof *n->seen);
    }
    if (!n->seen) {
        return;
    }
    size_t at = known ? (size_t)(known - n->seen) : n->n_seen;
    if (at == CAN_SEEN) {
        at = n->next_seen;
        n->next_seen = (uint16_t)((at + 1) % CAN_SEEN);
    } else if (!known) {
        n->n_seen++;
    }
    n->seen[at] = (struct can_heard){*peer, zone};
}

static void unsee(struct pp_substrate_node *n, const struct pp_id *id)
{
    const struct can_heard *known = can_seen(n, id);
    if (known) {
        n->seen[known - n->seen] = n->seen[--n->n_seen];
        n->next_seen = 0;
    }
}

static void take_out(struct pp_substrate_node *n, struct can_neighbour *who)
{
    size_t at = (size_t)(who - n->at);
    can_zones_free(&who->zones);
    free(who->list);
    n->n--;
    memmove(n->at + at, n->at + at + 1, (n->n - at) * sizeof *n->at);
    n->list_version++;
}

static struct can_neighbour *put_in(struct pp_substrate_node *n, pp_ns now,
                                    const struct pp_peer *peer)
{
    if (n->n >= CAN_TOUCHING) {
        return NULL;
    }
    if (n->n == n->cap) {
        size_t cap = n->cap ? 2u * n->cap : 8;
        struct can_neighbour *grown = realloc(n->at, cap * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        n->at = grown;
        n->cap = (uint16_t)cap;
    }
    size_t at = place(n, &peer->id);
    memmove(n->at + at + 1, n->at + at, (n->n - at) * sizeof *n->at);
    n->at[at] = (struct can_neighbour){.entry = pp_entry_now(peer, now)};
    n->n++;
    n->list_version++;
    return &n->at[at];
}

void can_put(struct pp_substrate_node *n, const struct pp_substrate_node *other, pp_ns now)
{
    struct can_neighbour *who = put_in(n, now, &other->m.a.self);
    if (who) {
        can_zones_set(&who->zones, other->zones.at, other->zones.n);
        who->version = other->version;
        who->stated = (uint32_t)(now >> TICK_SHIFT);
    }
}

struct pp_entry *can_entry(const struct pp_member *m, const struct pp_id *id)
{
    struct can_neighbour *who = can_find((const struct pp_substrate_node *)m, id);
    return who ? &who->entry : NULL;
}

bool can_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag)
{
    return tag & CAN_TAG_PROBE && !can_entry(m, id);
}

size_t can_known(const struct pp_member *m)
{
    return ((const struct pp_substrate_node *)m)->n;
}

size_t can_peers(const struct pp_member *m, struct pp_peer *out, size_t cap)
{
    const struct pp_substrate_node *n = (const struct pp_substrate_node *)m;
    size_t count = 0;
    for (size_t i = 0; i < n->n && count < cap; i++) {
        if (!(n->at[i].entry.flags & PP_ENTRY_SUSPECT)) {
            out[count++] = n->at[i].entry.peer;
        }
    }
    return count;
}

void can_free(struct pp_member *m)
{
    struct pp_substrate_node *n = can_node(m);
    while (n->n > 0) {
        take_out(n, &n->at[n->n - 1]);
    }
    can_zones_free(&n->zones);
    free(n->at);
    free(n->seen);
    free(n->gaps);
    n->at = NULL;
    n->seen = NULL;
    n->gaps = NULL;
    n->cap = n->n_seen = 0;
    n->n_gaps = 0;
}

/* A client's or joiner's memory: the one not heard for the longest gives way. */
static void remember(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer)
{
    if (n->n >= CAN_KNOWN) {
        size_t oldest = 0;
        for (size_t i = 1; i < n->n; i++) {
            if (pp_entry_age(&n->at[i].entry, now) > pp_entry_age(&n->at[oldest].entry, now)) {
                oldest = i;
            }
        }
        take_out(n, &n->at[oldest]);
    }
    put_in(n, now, peer);
}

void can_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag)
{
    struct pp_substrate_node *n = can_node(m);
    (void)tag;
    if (pp_id_is_zero(&peer->id) || m->phase >= PP_PHASE_LEAVING ||
        (!m->client && pp_id_equal(&peer->id, &m->a.self.id))) {
        return;
    }
    bool member = m->phase == PP_PHASE_MEMBER;
    if (!member && !can_find(n, &peer->id)) {
        remember(n, now, peer);
    }
    if (m->client || (member && n->n > 0)) { /* a passer-by is no neighbour: still alone */
        pp_member_set_state(m, n->n_gaps && member ? PP_DEGRADED : PP_ACTIVE);
    }
}

void can_forget(struct pp_member *m, pp_ns now, const struct pp_id *id)
{
    struct pp_substrate_node *n = can_node(m);
    struct can_neighbour *who = can_find(n, id);
    unsee(n, id);
    if (n->grant.accepted && pp_id_equal(&n->grant.peer.id, id)) {
        return; /* our joiner, who is not active yet */
    }
    if (!who) {
        return;
    }
    bool last = m->phase == PP_PHASE_MEMBER && !m->client && n->n == 1;
    for (size_t i = 0; i < who->n_list && last; i++) { /* they may be all that is left to us */
        pp_member_candidate(m, now, &who->list[i].peer, &who->entry.peer, CAN_TAG_PROBE);
    }
    take_out(n, who);
    if (m->phase == PP_PHASE_MEMBER && !m->client) {
        can_faces_soon(n, now);
    }
    if (last) {
        pp_member_set_state(m, PP_ALONE);
    }
}

/* ---- a peer's own word ---- */

/* The part of own zone `index` that is `taken` is given up; the rest stays, in pieces. */
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
    }
    return true;
}

/* Does our zone give way to that of another? */
static bool yields(const struct pp_substrate_node *n, struct can_zone ours, struct can_zone theirs,
                   const struct pp_id *id)
{
    if (n->handing && pp_id_equal(&n->taker, id) && can_zone_equal(ours, n->handed) &&
        can_inside(ours, theirs)) {
        return true; /* we gave it to that very node */
    }
    if (can_zone_equal(ours, theirs)) {
        return pp_id_compare(id, &n->m.a.self.id) < 0;
    }
    return can_inside(theirs, ours);
}

static bool yield_all(struct pp_substrate_node *n, const struct pp_id *id,
                      const struct can_state *state)
{
    bool changed = false;
    for (size_t i = 0; i < state->n; i++) {
        for (size_t j = 0; j < n->zones.n; j++) {
            struct can_zone ours = n->zones.at[j], theirs = state->zones[i];
            struct can_zone part = can_inside(ours, theirs) ? ours : theirs;
            if (yields(n, ours, theirs, id) && give_up(n, j, part)) {
                changed = true;
                j = (size_t)-1; /* the zones have moved */
            }
        }
    }
    return changed;
}

/* Is this word newer than what we hold? A version that contradicts ours twice in replies is right:
 * ours came from a liar, or the clock of a restarted node is behind. */
static bool newer(struct can_neighbour *who, const struct can_state *state, bool replied)
{
    int32_t ahead = (int32_t)(state->version - who->version);
    bool same = state->n == who->zones.n;
    for (size_t i = 0; i < state->n && same; i++) {
        same = can_zones_find(&who->zones, state->zones[i]) >= 0;
    }
    if (same) {
        who->version = ahead > 0 ? state->version : who->version;
        who->contradicted = 0;
    }
    if (same || ahead > 0) {
        return !same;
    }
    if (!replied) { /* an old one, or ours is wrong: to be asked */
        who->contradicted = who->contradicted ? who->contradicted : 1;
        return false;
    }
    return ++who->contradicted >= 2;
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

static void place_neighbour(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
                            const struct can_state *state)
{
    struct can_neighbour *who = can_find(n, &peer->id);
    if (n->m.phase == PP_PHASE_MEMBER && !touches_us(n, state->zones, state->n)) {
        if (who) {
            take_out(n, who);
        }
        if (state->n > 0) {
            can_see(n, peer, state->zones[0]);
        }
        return;
    }
    who = who ? who : put_in(n, now, peer);
    if (!who || can_zones_set(&who->zones, state->zones, state->n) != PP_OK) {
        return;
    }
    unsee(n, &peer->id);
    n->list_version++;
    who->version = state->version;
    who->contradicted = 0;
    who->stated = (uint32_t)(now >> TICK_SHIFT);
}

/* A neighbour that has moved changes what our list says. */
static void note_endpoint(struct pp_substrate_node *n, struct can_neighbour *who)
{
    static const uint8_t key[16] = {0};
    const struct pp_peer *peer = &who->entry.peer;
    uint32_t where = (uint32_t)pp_siphash(key, peer, sizeof *peer);
    if (who->where != where) {
        who->where = where;
        n->list_version++;
    }
}

/* All is lost to another: we enter anew through the winner, who belongs to the network that goes
 * on, and tell of him whoever asks why we have no zone. */
static void follow(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *winner,
                   const struct can_state *state)
{
    struct pp_peer via = *winner;
    if (!can_find(n, &via.id)) {
        remember(n, now, &via);
    }
    place_neighbour(n, now, &via, state);
    pp_member_seek(&n->m, now, &via, 1);
}

void can_take_state(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
                    const struct can_state *state, bool replied)
{
    struct pp_member *m = &n->m;
    struct can_neighbour *who = can_find(n, &peer->id);
    bool member = m->phase == PP_PHASE_MEMBER && !m->client;
    if (!member && !who) {
        return;
    }
    if (n->grant.accepted && pp_id_equal(&n->grant.peer.id, &peer->id)) {
        n->grant.accepted = false; /* it has taken its place */
        n->grant.until = 0;
    }
    bool news = !who || newer(who, state, replied);
    if (who) {
        who->stated = who->contradicted ? who->stated : (uint32_t)(now >> TICK_SHIFT);
        note_endpoint(n, who);
    }
    if (news) {
        bool changed = member && yield_all(n, &peer->id, state);
        place_neighbour(n, now, peer, state);
        if (changed) {
            can_changed(n, now);
        } else if (member) {
            can_faces_soon(n, now);
        }
    }
    if (member && m->phase != PP_PHASE_MEMBER) {
        follow(n, now, peer, state);
        return;
    }
    who = can_find(n, &peer->id);
    bool lost = member && !replied && state->n == 0; /* to whom? */
    if (lost || (member && who && (!who->listed || who->list_version != state->list_version))) {
        can_pull_list(n, now, peer, 0);
    }
}

void can_changed(struct pp_substrate_node *n, pp_ns now)
{
    struct pp_member *m = &n->m;
    uint32_t clock = (uint32_t)(now >> 30);
    can_zones_join(&n->zones);
    n->version = (int32_t)(clock - n->version) > 0 ? clock : n->version + 1;
    for (size_t i = 0; i < n->n; i++) {
        pp_member_ping(m, now, &n->at[i].entry.peer, 0);
    }
    if (n->zones.n == 0) {
        n->n_gaps = 0;
        pp_member_rejoin(m, now);
        return;
    }
    for (size_t i = n->n; i-- > 0;) {
        if (!touches_us(n, n->at[i].zones.at, n->at[i].zones.n)) {
            if (n->at[i].zones.n > 0) {
                can_see(n, &n->at[i].entry.peer, n->at[i].zones.at[0]);
            }
            take_out(n, &n->at[i]);
        }
    }
    can_faces_soon(n, now);
}

void can_greet(struct pp_member *m, const struct pp_peer *to, struct pp_writer *w)
{
    (void)to;
    pp_agent_begin(&m->a, w, CAN_STATE);
    can_write_state(w, can_node(m));
}

void can_greeted(struct pp_member *m, pp_ns now, struct pp_answer *answer)
{
    struct can_state state;
    if (m->phase < PP_PHASE_LEAVING && can_read_state(&answer->body, &state) == PP_OK) {
        can_take_state(can_node(m), now, &answer->rx->from, &state, true);
    }
}

void can_on_state(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                  const struct pp_header *header, struct pp_reader *body, bool proved)
{
    struct can_state state;
    struct pp_writer w;
    if (can_read_state(body, &state) != PP_OK) {
        return;
    }
    if (proved && header->flags & PP_WIRE_ACTIVE && n->m.phase < PP_PHASE_LEAVING) {
        can_take_state(n, now, &rx->from, &state, false);
    }
    pp_agent_begin_reply(&n->m.a, &w, header);
    can_write_state(&w, n);
    pp_agent_send(&n->m.a, &rx->from, &w);
}

void can_hear(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
              struct can_zone zone, const struct pp_peer *teller)
{
    if (n->m.phase == PP_PHASE_MEMBER && !can_find(n, &peer->id) &&
        can_zones_meet(&n->net->space, &n->zones, zone)) {
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
