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
    const struct pp_id *self = &n->m.a.self.id;
    const struct pp_id *reach = n->s.n > 0 ? &n->s.at[n->s.n - 1].peer.id : self;
    for (size_t i = n->p.n; i-- > 0;) {
        const struct pp_peer *peer = &n->p.at[i].peer;
        if (n->s.n == 0 || !pp_id_in(&peer->id, self, reach)) {
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
#define REACH 3 /* times as long as ours may another's list be */
#define NEAR 3  /* named on each side: the first may have died a moment ago, or lie */
#define SPARE 8 /* peers named beyond k, in case some of the k are dead */

size_t chord_closest(const struct pp_substrate_node *n, const struct pp_id *key, size_t k,
                     struct pp_peer *out)
{
    const struct pp_peer *a[ARC_MAX];
    size_t count = arc(n, a), at = 0, got = 0;
    bool whole = chord_whole(n);
    while (at + 1 < count && !pp_id_in(key, &a[at]->id, &a[at + 1]->id)) {
        at++;
    }
    if (!n->m.a.active || (at + 1 >= count && !whole)) {
        return 0;
    }
    for (size_t i = 1; i <= count && got < k && (whole || at + i < count); i++) {
        out[got++] = *a[(at + i) % count]; /* past the last: the ring's beginning */
    }
    return got;
}

/* The best referrals: those of all tables that lie closest before the key. */
static size_t referrals(const struct pp_substrate_node *n, const struct pp_id *key,
                        struct pp_peer out[REFER])
{
    struct pp_entry room[REFER];
    struct pp_peerset best = {room, 0, REFER};
    struct pp_order order = {pp_distance_counter, *key};
    const struct pp_peerset *const sets[] = {&n->f, &n->s, &n->p};
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < sets[i]->n; j++) {
            const struct pp_entry *entry = &sets[i]->at[j];
            bool before = pp_id_in(&entry->peer.id, &n->m.a.self.id, key) &&
                          !pp_id_equal(&entry->peer.id, key);
            if ((before || !n->m.a.active) && !(entry->flags & PP_ENTRY_SUSPECT)) {
                pp_peerset_insert(&best, &order, REFER, entry);
            }
        }
    }
    return pp_peerset_peers(&best, out, REFER);
}

void chord_on_find(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                   const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = chord_node(m);
    struct pp_find find;
    struct pp_peer peers[ARC_MAX];
    (void)now;
    if (n->m.client || pp_read_find(body, &find) != PP_OK) {
        return;
    }
    size_t count = chord_closest(n, &find.key, find.k + SPARE, peers);
    bool complete = count > 0;
    if (!complete) {
        count = referrals(n, &find.key, peers);
    }
    pp_member_list(&n->m, rx, header, complete, peers, count, find.from);
}

/* Names predecessors nearer to the key than we are, and successors: holes in an answer close. */
void chord_on_ping(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                   const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = chord_node(m);
    struct pp_ping ping;
    struct pp_peer named[2 * NEAR];
    size_t count = 0;
    (void)now;
    if (pp_read_ping(body, &ping) != PP_OK) {
        return;
    }
    bool asked = ping.has_key && n->m.a.active;
    size_t max = !asked ? 0 : n->p.n < NEAR ? n->p.n : NEAR;
    for (; count < max && !pp_id_in(&ping.key, &n->p.at[count].peer.id, &n->m.a.self.id); count++) {
        named[count] = n->p.at[count].peer; /* it lies in [key, us) */
    }
    count += asked ? pp_peerset_peers(&n->s, named + count, NEAR) : 0;
    pp_member_pong_with(&n->m, rx, header, named, count, NULL, 0);
}

enum pp_covers chord_covers(const struct pp_substrate_node *n, const struct pp_id *key, unsigned k)
{
    struct pp_order order = {pp_distance_clockwise, *key};
    size_t sure, all = pp_peerset_nearer(&n->p, &order, &n->m.a.self.id, &sure);
    if (!n->m.a.active) {
        return PP_COVERS_UNKNOWN;
    }
    if (sure >= k) {
        return PP_COVERS_NO;
    }
    bool known = chord_whole(n) ||
                 (n->p.n > 0 && pp_id_in(key, &n->p.at[n->p.n - 1].peer.id, &n->m.a.self.id));
    return known && all < k ? PP_COVERS_YES : PP_COVERS_UNKNOWN;
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
    memset(out, 0, PP_RANK_LEN);
    memcpy(out, d.b, PP_ID_LEN);
}

void chord_rank(const struct pp_substrate_node *n, const struct pp_id *key,
                uint8_t out[PP_RANK_LEN])
{
    rank(&n->m.a, key, &n->m.a.self, NULL, out);
}

static void seed(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    const struct pp_substrate_node *n = node_of(a);
    struct pp_peer peers[ARC_MAX];
    size_t count = chord_closest(n, &l->key, l->k + SPARE, peers);
    pp_lookup_seed_all(a, now, l, peers, count, true);
    l->routed = count > 0 && l->paths == 1;
    count = referrals(n, &l->key, peers); /* in case none of the answer lives */
    pp_lookup_seed_all(a, now, l, peers, count, false);
}

/* The successors of the answer's last member follow it. */
static bool extend(const struct pp_lookup *l, const struct pp_id *last, struct pp_id *key)
{
    (void)l;
    *key = pp_id_after(last);
    return true;
}

static void extend_own(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    const struct pp_substrate_node *n = node_of(a);
    for (size_t i = 0; i < n->s.n; i++) {
        pp_lookup_seed(a, now, l, &n->s.at[i].peer, NULL, true);
    }
}

/* Whoever knows the answer has the key within its lists, and our own show how far those reach. */
static bool may_know(const struct pp_agent *a, const struct pp_id *key, const struct pp_id *id)
{
    const struct pp_substrate_node *n = node_of(a);
    bool partial = a->active && n->s.n == n->net->r && !chord_whole(n);
    struct pp_id last = partial ? n->s.at[n->s.n - 1].peer.id : a->self.id;
    struct pp_id reach = pp_id_sub(&last, &a->self.id), away = pp_distance_ring(key, id);
    return !partial || pp_id_high(&away) / REACH <= pp_id_high(&reach);
}

const struct pp_lookup_ops chord_lookup_ops = {.root = true,
                                               .reversed = true,
                                               .rank = rank,
                                               .seed = seed,
                                               .extend = extend,
                                               .extend_own = extend_own,
                                               .spacing = pp_lookup_ring_spacing,
                                               .may_know = may_know,
                                               PP_MEMBER_LOOKUP_OPS};
