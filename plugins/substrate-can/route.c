/*
 * Where a key belongs: nearness by torus distance to the zone, then to its centre, then by id; what
 * the look-up engine asks of the tables (best-first search, its own expanding ring round a hole),
 * and whether we are among the k nearest. Changes nothing.
 */
#include "can.h"

#include <common/find.h>
#include <stdlib.h>

#define SHORTCUTS 3
#define GATHERED (CAN_TOUCHING + 1 + SHORTCUTS)

static void rank_near(struct can_near near, const struct pp_id *id, uint8_t out[PP_RANK_LEN])
{
    memset(out, 0, PP_RANK_LEN);
    pp_put64(out, near.zone);
    pp_put64(out + 8, near.centre);
    memcpy(out + 16, id->b, PP_ID_LEN);
}

static void rank_zones(const struct pp_substrate_node *n, const struct can_zones *zones,
                       const struct pp_id *id, const struct pp_id *key, uint8_t out[PP_RANK_LEN])
{
    struct can_near near = {UINT64_MAX, UINT64_MAX};
    if (zones->n > 0) {
        near = can_near(&n->net->space, key, can_zones_nearest(&n->net->space, zones, key));
    }
    rank_near(near, id, out);
}

void can_rank(const struct pp_substrate_node *n, const struct pp_id *key, uint8_t out[PP_RANK_LEN])
{
    rank_zones(n, &n->zones, &n->m.a.self.id, key, out);
}

/* For the engine: by the zone that was told; unknown ones come last. */
static void rank(const struct pp_agent *a, const struct pp_id *key, const struct pp_peer *peer,
                 const uint8_t *extra, uint8_t out[PP_RANK_LEN])
{
    const struct pp_substrate_node *n = can_of(a);
    struct can_near near = {UINT64_MAX, UINT64_MAX};
    struct can_zone zone;
    if (a->active && pp_id_equal(&peer->id, &a->self.id)) {
        can_rank(n, key, out);
        return;
    }
    if (can_zone_get(extra, &zone)) {
        near = can_near(&n->net->space, key, zone);
    }
    rank_near(near, &peer->id, out);
}

/* A peer on its way into a reply or look-up, with the zone of it that is nearest to the key. */
struct candidate {
    uint8_t rank[PP_RANK_LEN];
    struct pp_peer peer;
    uint8_t extra[CAN_ZONE_LEN];
};

static int by_rank(const void *a, const void *b)
{
    return memcmp(((const struct candidate *)a)->rank, ((const struct candidate *)b)->rank,
                  PP_RANK_LEN);
}

static void put(const struct pp_substrate_node *n, const struct pp_peer *peer,
                const struct can_zones *zones, const struct pp_id *key, struct candidate *out)
{
    memset(out, 0, sizeof *out);
    out->peer = *peer;
    rank_zones(n, zones, &peer->id, key, out->rank);
    if (zones->n > 0) {
        can_zone_put(out->extra, can_zones_nearest(&n->net->space, zones, key));
    }
}

/* Of our neighbours' neighbours those that are nearer to the key than `best`, the nearest three.
 * They are hearsay: the asker asks them and goes round whoever is gone. */
static size_t shortcuts(const struct pp_substrate_node *n, const struct pp_id *key, uint64_t best,
                        struct candidate out[SHORTCUTS])
{
    uint64_t far[SHORTCUTS];
    size_t count = 0;
    for (size_t i = 0; i < n->n && n->net->shortcuts && best > 0; i++) {
        for (size_t j = 0; j < n->at[i].n_list; j++) {
            const struct can_heard *heard = &n->at[i].list[j];
            struct can_near near = can_near(&n->net->space, key, heard->zone);
            size_t at = count;
            while (at > 0 && near.zone < far[at - 1]) {
                at--;
            }
            bool twice = at > 0 && pp_id_equal(&out[at - 1].peer.id, &heard->peer.id);
            if (near.zone >= best || at == SHORTCUTS || twice || can_find(n, &heard->peer.id) ||
                pp_id_equal(&heard->peer.id, &n->m.a.self.id)) {
                continue;
            }
            count += count < SHORTCUTS;
            memmove(far + at + 1, far + at, (count - 1 - at) * sizeof *far);
            memmove(out + at + 1, out + at, (count - 1 - at) * sizeof *out);
            far[at] = near.zone;
            out[at].peer = heard->peer;
            rank_near(near, &heard->peer.id, out[at].rank);
            can_zone_put(out[at].extra, heard->zone);
        }
    }
    return count;
}

/* Ourselves, when active, all unsuspected neighbours, and shortcuts, nearest first. */
static size_t gather(const struct pp_substrate_node *n, const struct pp_id *key,
                     struct candidate out[GATHERED])
{
    size_t count = 0;
    if (n->m.a.active) {
        put(n, &n->m.a.self, &n->zones, key, &out[count++]);
    }
    for (size_t i = 0; i < n->n; i++) {
        if (!(n->at[i].entry.flags & PP_ENTRY_SUSPECT)) {
            put(n, &n->at[i].entry.peer, &n->at[i].zones, key, &out[count++]);
        }
    }
    qsort(out, count, sizeof *out, by_rank);
    if (count > 0) {
        struct candidate near[SHORTCUTS];
        size_t more = shortcuts(n, key, pp_get64(out[0].rank), near);
        memmove(out + more, out, count * sizeof *out);
        memcpy(out, near, more * sizeof *out);
        count += more;
    }
    return count;
}

void can_on_find(struct pp_substrate_node *n, const struct pp_rx *rx,
                 const struct pp_header *header, struct pp_reader *body)
{
    struct candidate near[GATHERED];
    struct pp_peer peers[GATHERED];
    uint8_t extra[GATHERED * CAN_ZONE_LEN];
    struct pp_find find;
    struct pp_writer w;
    size_t known = 0;
    if (pp_read_find(body, &find) != PP_OK) {
        return;
    }
    size_t count = gather(n, &find.key, near);
    for (size_t i = 0; i < count && known < UINT8_MAX; i++) {
        if (n->m.a.active || near[i].extra[0] != 0) {
            peers[known] = near[i].peer;
            memcpy(extra + known++ * CAN_ZONE_LEN, near[i].extra, CAN_ZONE_LEN);
        }
    }
    bool complete = known > 0 && pp_id_equal(&peers[0].id, &n->m.a.self.id);
    pp_agent_begin_reply(&n->m.a, &w, header);
    pp_write8(&w, complete);
    pp_write_page(&w, peers, known, find.from, extra, CAN_ZONE_LEN);
    pp_agent_send(&n->m.a, &rx->from, &w);
}

static void seed(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    struct candidate near[GATHERED];
    size_t count = gather(can_of(a), &l->key, near);
    for (size_t i = 0; i < count; i++) {
        pp_lookup_seed(a, now, l, &near[i].peer, near[i].extra, false);
    }
    for (size_t i = 0; i < can_of(a)->n_seen && can_of(a)->n == 0; i++) {
        const struct can_heard *seen = &can_of(a)->seen[i]; /* no neighbours left: anyone */
        uint8_t extra[CAN_ZONE_LEN];
        can_zone_put(extra, seen->zone);
        pp_lookup_seed(a, now, l, &seen->peer, extra, false);
    }
}

/* The k closest have answered. Is the ball that they fill tiled by zones that we were told of, the
 * dead ones' too (nobody lives there)? If not, somebody may stand behind a hole. */
static bool closed(const struct pp_agent *a, const struct pp_lookup *l)
{
    const struct pp_substrate_node *n = can_of(a);
    struct can_view view = {malloc((l->n + n->zones.n + 1u) * sizeof *view.at), 0};
    const struct pp_lookup_peer *last = NULL;
    size_t answered = 0;
    for (size_t i = 0; view.at && i < l->n; i++) {
        const struct pp_lookup_peer *who = &l->at[i];
        struct can_zone zone;
        if (who->state == PP_ASK_ANSWERED && !who->inactive && answered < l->k) {
            last = who;
            answered++;
        }
        if (can_zone_get(who->extra, &zone) && !who->inactive) {
            view.at[view.n++] = (struct can_claim){zone, CAN_ANSWERED, NULL};
        }
    }
    for (size_t i = 0; view.at && a->active && i < n->zones.n; i++) {
        view.at[view.n++] = (struct can_claim){n->zones.at[i], CAN_OWN, NULL};
    }
    bool sure = !view.at || answered < l->k;
    if (!sure) {
        can_view_sort(&view);
        sure = can_ball_tiled(&n->net->space, &view, &l->key, pp_get64(last->rank));
    }
    free(view.at);
    return sure;
}

const struct pp_lookup_ops can_lookup_ops = {
    .extra_len = CAN_ZONE_LEN, .rank = rank, .seed = seed, .closed = closed, PP_MEMBER_LOOKUP_OPS};

void can_place_key(const struct pp_member *m, struct pp_id *key)
{
    const struct pp_substrate_node *n = (const struct pp_substrate_node *)m;
    if (n->zones.n > 0) {
        *key = can_middle(&n->net->space, n->zones.at[0]);
    }
}

void can_merged(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    for (size_t i = 0; i < result->n_peers; i++) {
        if (!can_find(can_node(m), &result->peers[i].id)) {
            pp_member_candidate(m, now, &result->peers[i], &m->a.self, CAN_TAG_PROBE);
        }
    }
}

enum pp_covers can_covers(const struct pp_substrate_node *n, const struct pp_id *key, unsigned k)
{
    uint8_t own[PP_RANK_LEN], other[PP_RANK_LEN];
    struct can_view view;
    size_t sure = 0, nearer = 0;
    if (!n->m.a.active || n->zones.n == 0) {
        return PP_COVERS_UNKNOWN;
    }
    can_rank(n, key, own);
    uint64_t distance = pp_get64(own);
    if (distance == 0) {
        return PP_COVERS_YES;
    }
    for (size_t i = 0; i < n->n; i++) {
        const struct can_neighbour *who = &n->at[i];
        rank_zones(n, &who->zones, &who->entry.peer.id, key, other);
        sure += memcmp(other, own, PP_RANK_LEN) < 0 && !(who->entry.flags & PP_ENTRY_SUSPECT);
    }
    if (sure >= k) {
        return PP_COVERS_NO;
    }
    if (!can_view_take(n, 0, &view)) {
        return PP_COVERS_UNKNOWN;
    }
    for (size_t i = 0; i < view.n; i++) {
        rank_near(can_near(&n->net->space, key, view.at[i].zone), &view.at[i].peer->id, other);
        bool twice = i > 0 && can_zone_equal(view.at[i].zone, view.at[i - 1].zone);
        nearer += !twice && memcmp(other, own, PP_RANK_LEN) < 0;
    }
    bool yes = nearer < k && can_ball_tiled(&n->net->space, &view, key, distance);
    free(view.at);
    return yes ? PP_COVERS_YES : PP_COVERS_UNKNOWN;
}
