/*
 * Where a key belongs: the nearest that we know, what the look-up engine asks of the table, and
 * whether we are among the k nearest. Changes nothing.
 */
#include "kademlia.h"

#include <common/find.h>

#define REFER_MIN 8  /* a reply has the max(k, 8) nearest, and .. */
#define REFER_MORE 2 /* .. half as many again, since some may have died unnoticed */
#define NEAREST_MAX PP_PAGE_MAX

static size_t width(unsigned k)
{
    size_t max = k < REFER_MIN ? REFER_MIN : k;
    max += max / REFER_MORE;
    return max < NEAREST_MAX ? max : NEAREST_MAX;
}

/* The `max` nearest to the key of all unsuspected entries and, when active, of ourselves. */
static size_t nearest(const struct pp_substrate_node *n, const struct pp_id *key, size_t max,
                      struct pp_peer *out)
{
    struct pp_entry room[NEAREST_MAX];
    struct pp_peerset best = {room, 0, NEAREST_MAX};
    struct pp_order order = {pp_distance_xor, *key};
    if (n->m.a.active) {
        struct pp_entry self = {.peer = n->m.a.self};
        pp_peerset_insert(&best, &order, max, &self);
    }
    for (size_t i = 0; i < n->table.n; i++) {
        if (!(n->table.at[i].flags & PP_ENTRY_SUSPECT)) {
            pp_peerset_insert(&best, &order, max, &n->table.at[i]);
        }
    }
    return pp_peerset_peers(&best, out, max);
}

void kademlia_on_find(struct pp_substrate_node *n, const struct pp_rx *rx,
                      const struct pp_header *header, struct pp_reader *body)
{
    struct pp_find find;
    struct pp_peer peers[NEAREST_MAX];
    if (pp_read_find(body, &find) != PP_OK) {
        return;
    }
    size_t count = nearest(n, &find.key, width(find.k), peers);
    bool complete = count > 0 && pp_id_equal(&peers[0].id, &n->m.a.self.id);
    pp_member_list(&n->m, rx, header, complete, peers, count, find.from);
}

static bool nearer(const struct pp_id *key, const struct pp_id *a, const struct pp_id *b)
{
    struct pp_id da = pp_id_xor(a, key), db = pp_id_xor(b, key);
    return pp_id_compare(&da, &db) < 0;
}

/* Buckets whose nodes are nearer to the key are those where its bit differs from ours. Is none of
 * them full, so that all of their nodes are known? */
static bool all_nearer_known(const struct pp_substrate_node *n, const struct pp_id *key)
{
    if (n->table.n < n->net->siblings) {
        return true;
    }
    const struct pp_id *self = &n->m.a.self.id;
    unsigned edge = pp_id_shared_bits(self, &n->table.at[n->net->siblings - 1].peer.id);
    for (unsigned bits = 0; bits <= edge; bits++) {
        size_t from, to;
        bool differs = (self->b[bits / 8] ^ key->b[bits / 8]) & (0x80u >> bits % 8);
        kademlia_bucket(n, bits, &from, &to);
        if (differs && (to - from >= n->net->bucket || bits == edge)) {
            return false;
        }
    }
    return true;
}

enum pp_covers kademlia_covers(const struct pp_substrate_node *n, const struct pp_id *key,
                               unsigned k)
{
    size_t sure = 0, all = 0;
    if (!n->m.a.active) {
        return PP_COVERS_UNKNOWN;
    }
    for (size_t i = 0; i < n->table.n; i++) {
        const struct pp_entry *entry = &n->table.at[i];
        bool counts = nearer(key, &entry->peer.id, &n->m.a.self.id);
        all += counts;
        sure += counts && !(entry->flags & PP_ENTRY_SUSPECT);
    }
    if (sure >= k) {
        return PP_COVERS_NO;
    }
    return all < k && all_nearer_known(n, key) ? PP_COVERS_YES : PP_COVERS_UNKNOWN;
}

void kademlia_rank(const struct pp_substrate_node *n, const struct pp_id *key,
                   uint8_t out[PP_RANK_LEN])
{
    struct pp_id d = pp_id_xor(&n->m.a.self.id, key);
    memset(out, 0, PP_RANK_LEN);
    memcpy(out, d.b, PP_ID_LEN);
}

static void rank(const struct pp_agent *a, const struct pp_id *key, const struct pp_peer *peer,
                 const uint8_t *extra, uint8_t out[PP_RANK_LEN])
{
    (void)a;
    (void)extra;
    struct pp_id d = pp_id_xor(&peer->id, key);
    memset(out, 0, PP_RANK_LEN);
    memcpy(out, d.b, PP_ID_LEN);
}

static void seed(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    const struct pp_substrate_node *n = kademlia_of(a);
    struct pp_peer peers[NEAREST_MAX];
    size_t count = nearest(n, &l->key, width(l->k), peers);
    pp_lookup_seed_all(a, now, l, peers, count, false);
}

/* Mean gap of the k nearest: their farthest distance shared out among them. */
static uint64_t spacing(const struct pp_id *key, const struct pp_peer *peers, size_t n)
{
    if (n == 0) {
        return 0;
    }
    struct pp_id far = pp_id_xor(&peers[n - 1].id, key);
    return pp_id_high(&far) / n;
}

const struct pp_lookup_ops kademlia_lookup_ops = {
    .rank = rank, .seed = seed, .spacing = spacing, PP_MEMBER_LOOKUP_OPS};
