/*
 * Where a key belongs: the next step towards it, the k closest to it, and what the look-up engine
 * asks of our tables. Changes nothing.
 */
#include "chord.h"

#include <common/find.h>

/* All that we hold of the ring, clockwise, each once: the farthest predecessor that S does not
 * reach, .. us, .. the last successor. */
static size_t arc(const struct pp_substrate_node *n, const struct pp_peer **out)
{
    size_t count = 0;
    struct pp_id reach = n->m.a.self.id;
    if (n->s.n > 0) {
        reach = n->s.at[n->s.n - 1].peer.id;
    }
    for (size_t i = n->p.n; i-- > 0;) {
        const struct pp_peer *peer = &n->p.at[i].peer;
        if (n->s.n == 0 || !pp_id_in(&peer->id, &n->m.a.self.id, &reach)) {
            out[count++] = peer;
        }
    }
    out[count++] = &n->m.a.self;
    for (size_t i = 0; i < n->s.n; i++) {
        out[count++] = &n->s.at[i].peer;
    }
    return count;
}

#define REFER 8 /* peers in a referral */
#define ARC_MAX (2 * PP_K_MAX + 1)
#define SPARE 8 /* peers named beyond k, in case some of the k are dead */

bool chord_in_arc(const struct pp_substrate_node *n, const struct pp_id *key)
{
    const struct pp_peer *a[ARC_MAX];
    if (!n->m.a.active) {
        return false;
    }
    if (chord_whole(n)) {
        return true;
    }
    size_t count = arc(n, a);
    return count > 1 && pp_id_in(key, &a[0]->id, &a[count - 1]->id);
}

size_t chord_closest(const struct pp_substrate_node *n, const struct pp_id *key, size_t k,
                     struct pp_peer *out)
{
    const struct pp_peer *a[ARC_MAX];
    size_t count = arc(n, a), first = 0, got = 0;
    bool wrapped = chord_whole(n);
    while (first + 1 < count && !pp_id_in(key, &a[first]->id, &a[first + 1]->id)) {
        first++;
    }
    first = (first + 1) % count; /* past the last: the ring's beginning */
    for (size_t i = 0; i < count && got < k; i++) {
        if (first + i >= count && !wrapped) {
            break;
        }
        out[got++] = *a[(first + i) % count];
    }
    return got;
}

/* The best referrals: those that lie closest before the key, of one sorted table. */
static void refer(const struct pp_substrate_node *n, const struct pp_peerset *set,
                  const struct pp_id *key, struct pp_peerset *best)
{
    struct pp_order order = {pp_distance_counter, *key};
    for (size_t i = 0; i < set->n; i++) {
        const struct pp_entry *entry = &set->at[i];
        bool before =
            pp_id_in(&entry->peer.id, &n->m.a.self.id, key) && !pp_id_equal(&entry->peer.id, key);
        if ((before || !n->m.a.active) && !(entry->flags & PP_ENTRY_SUSPECT)) {
            pp_peerset_insert(best, &order, REFER, entry);
        }
    }
}

static size_t referrals(const struct pp_substrate_node *n, const struct pp_id *key,
                        struct pp_peer out[REFER])
{
    struct pp_entry room[REFER];
    struct pp_peerset best = {room, 0, REFER};
    refer(n, &n->f, key, &best);
    refer(n, &n->s, key, &best);
    refer(n, &n->p, key, &best);
    return pp_peerset_peers(&best, out, REFER);
}

void chord_on_find(struct pp_substrate_node *n, const struct pp_rx *rx,
                   const struct pp_header *header, struct pp_reader *body)
{
    struct pp_find find;
    struct pp_peer peers[ARC_MAX];
    struct pp_writer w;
    if (n->m.client || pp_read_find(body, &find) != PP_OK) {
        return;
    }
    bool complete = chord_in_arc(n, &find.key);
    size_t count = complete ? chord_closest(n, &find.key, find.k + SPARE, peers)
                            : referrals(n, &find.key, peers);
    pp_agent_begin_reply(&n->m.a, &w, header);
    pp_write8(&w, complete);
    pp_write_page(&w, peers, count, find.from, NULL, 0);
    pp_agent_send(&n->m.a, &rx->from, &w);
}

/* The reply names our predecessor when it is nearer to the key than we are. */
void chord_on_ping(struct pp_substrate_node *n, const struct pp_rx *rx,
                   const struct pp_header *header, struct pp_reader *body)
{
    struct pp_ping ping;
    if (pp_read_ping(body, &ping) != PP_OK) {
        return;
    }
    bool nearer =
        ping.has_key && n->m.a.active && n->p.n > 0 && !pp_id_equal(&ping.key, &n->m.a.self.id);
    if (nearer) {
        struct pp_id ours = pp_id_sub(&n->m.a.self.id, &ping.key);
        struct pp_id its = pp_id_sub(&n->p.at[0].peer.id, &ping.key);
        nearer = pp_id_compare(&its, &ours) < 0;
    }
    pp_member_pong(&n->m, rx, header, nearer ? &n->p.at[0].peer : NULL, NULL, 0);
}

static size_t unsuspected(const struct pp_substrate_node *n, const struct pp_id *key,
                          bool count_all)
{
    size_t count = 0;
    for (size_t i = 0; i < n->p.n; i++) {
        const struct pp_entry *entry = &n->p.at[i];
        /* entry lies in [key, us): it is nearer than we are */
        bool between = !pp_id_in(key, &entry->peer.id, &n->m.a.self.id);
        count += between && (count_all || !(entry->flags & PP_ENTRY_SUSPECT));
    }
    return count;
}

enum pp_covers chord_covers(const struct pp_substrate_node *n, const struct pp_id *key, unsigned k)
{
    if (!n->m.a.active) {
        return PP_COVERS_UNKNOWN;
    }
    if (unsuspected(n, key, false) >= k) {
        return PP_COVERS_NO;
    }
    bool known = chord_whole(n) ||
                 (n->p.n > 0 && pp_id_in(key, &n->p.at[n->p.n - 1].peer.id, &n->m.a.self.id));
    return known && unsuspected(n, key, true) < k ? PP_COVERS_YES : PP_COVERS_UNKNOWN;
}

void chord_rank(const struct pp_substrate_node *n, const struct pp_id *key,
                uint8_t out[PP_RANK_LEN])
{
    struct pp_id d = pp_id_sub(&n->m.a.self.id, key);
    memset(out, 0, PP_RANK_LEN);
    memcpy(out, d.b, PP_ID_LEN);
}

static const struct pp_substrate_node *node_of(const struct pp_agent *a)
{
    return (const struct pp_substrate_node *)a;
}

static void rank(const struct pp_agent *a, const struct pp_id *key, const struct pp_peer *peer,
                 const uint8_t *extra, uint8_t out[PP_RANK_LEN])
{
    (void)a;
    (void)extra;
    struct pp_id d = pp_id_sub(&peer->id, key);
    memcpy(out, d.b, PP_ID_LEN);
}

static void seed(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    const struct pp_substrate_node *n = node_of(a);
    struct pp_peer peers[ARC_MAX];
    bool complete = chord_in_arc(n, &l->key);
    if (complete) {
        size_t count = chord_closest(n, &l->key, l->k + SPARE, peers);
        for (size_t i = 0; i < count; i++) {
            pp_lookup_seed(a, now, l, &peers[i], NULL, true);
        }
        l->routed = l->paths == 1;
        if (l->routed) {
            return;
        }
    }
    size_t count = referrals(n, &l->key, peers);
    for (size_t i = 0; i < count; i++) {
        pp_lookup_seed(a, now, l, &peers[i], NULL, false);
    }
}

/* When somebody died lately, nobody is taken unasked. */
static bool fresh(const struct pp_agent *a, pp_ns now, const struct pp_id *id)
{
    return now >= node_of(a)->m.trouble_until && pp_member_fresh(a, now, id);
}

/* The successors of the answer's last member follow it. */
static bool extend(const struct pp_lookup *l, const struct pp_id *last, struct pp_id *key)
{
    (void)l;
    struct pp_id one = pp_id_power(0);
    *key = pp_id_add(last, &one);
    return true;
}

static void extend_own(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    const struct pp_substrate_node *n = node_of(a);
    for (size_t i = 0; i < n->s.n; i++) {
        pp_lookup_seed(a, now, l, &n->s.at[i].peer, NULL, true);
    }
}

const struct pp_lookup_ops chord_lookup_ops = {.root = true,
                                               .reversed = true,
                                               .rank = rank,
                                               .seed = seed,
                                               .extend = extend,
                                               .extend_own = extend_own,
                                               .spacing = pp_ring_spacing,
                                               .fresh = fresh,
                                               .rto = pp_member_ask_rto,
                                               .refused = pp_member_refused,
                                               .late = pp_member_ask_late,
                                               .dead = pp_member_ask_dead};
