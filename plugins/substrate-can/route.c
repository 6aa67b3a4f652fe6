/*
 * Where a key belongs: nearness by torus distance to the home, then to its centre, then by id; what
 * the look-up engine asks of the tables (best-first search, its own expanding ring round a hole),
 * and whether we are among the k nearest. Changes nothing.
 *
 * Why an answer is exact: it is given when the ball round the key that its k homes reach is tiled
 * by zones that were told of, for then no home that reaches into it is unknown (closed).
 */
#include "can.h"

#include <common/find.h>
#include <stdlib.h>

#define SHORTCUTS 3
#define GATHERED (CAN_TOUCHING + 1 + SHORTCUTS)

static void rank_zone(const struct can_space *space, const struct pp_id *key,
                      const struct can_zone *zone, const struct pp_id *id, uint8_t out[PP_RANK_LEN])
{
    struct can_near near = {UINT64_MAX, UINT64_MAX};
    if (zone) {
        near = can_near(space, key, *zone);
    }
    memset(out, 0, PP_RANK_LEN);
    pp_put64(out, near.zone);
    pp_put64(out + 8, near.centre);
    memcpy(out + 16, id->b, PP_ID_LEN);
}

static void rank_zones(const struct pp_substrate_node *n, const struct can_zones *zones,
                       const struct pp_id *id, const struct pp_id *key, uint8_t out[PP_RANK_LEN])
{
    const struct can_zone *home = zones->n > 0 ? &zones->at[can_zones_home(zones)] : NULL;
    rank_zone(&n->net->space, key, home, id, out);
}

void can_rank(const struct pp_substrate_node *n, const struct pp_id *key, uint8_t out[PP_RANK_LEN])
{
    rank_zones(n, &n->zones, &n->m.a.self.id, key, out);
}

/* For the engine: by the home that was told; unknown ones come last. */
static void rank(const struct pp_agent *a, const struct pp_id *key, const struct pp_peer *peer,
                 const uint8_t *extra, uint8_t out[PP_RANK_LEN])
{
    const struct pp_substrate_node *n = can_of(a);
    struct can_zone home;
    if (a->active && pp_id_equal(&peer->id, &a->self.id)) {
        can_rank(n, key, out);
    } else {
        rank_zone(&n->net->space, key, can_zone_get(extra, &home) ? &home : NULL, &peer->id, out);
    }
}

/* A peer on its way into a reply or look-up. */
struct candidate {
    uint64_t reach; /* how near one of its zones is */
    struct pp_peer peer;
    uint8_t extra[CAN_PLACE];
};

static int by_reach(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->reach == y->reach ? memcmp(x->extra, y->extra, CAN_PLACE)
                                : (x->reach > y->reach) - (x->reach < y->reach);
}

static struct candidate candidate(const struct pp_substrate_node *n, const struct pp_peer *peer,
                                  const struct can_zones *zones, const struct pp_id *key)
{
    struct candidate c = {UINT64_MAX, *peer, {0}};
    uint64_t nearest = UINT64_MAX;
    for (size_t i = 0; i < zones->n; i++) {
        uint64_t distance = can_near(&n->net->space, key, zones->at[i]).zone;
        c.reach = distance < c.reach ? distance : c.reach;
        if (!zones->at[i].ward) {
            can_zone_put(c.extra, zones->at[i]);
        } else if (distance < nearest) {
            nearest = distance;
            can_zone_put(c.extra + CAN_ZONE_LEN, zones->at[i]);
        }
    }
    return c;
}

/* Of our neighbours' neighbours those whose homes are nearer to the key than `best`, the nearest
 * three. They are hearsay: the asker asks them and goes round whoever is gone. */
static size_t shortcuts(const struct pp_substrate_node *n, const struct pp_id *key, uint64_t best,
                        struct candidate out[SHORTCUTS])
{
    size_t count = 0;
    for (size_t i = 0; i < n->near.n && n->net->shortcuts && best > 0; i++) {
        for (size_t j = 0; j < n->facts[i].n_list; j++) {
            const struct can_heard *heard = &n->facts[i].list[j];
            uint64_t reach = can_near(&n->net->space, key, heard->zone).zone;
            size_t at = count;
            while (at > 0 && reach < out[at - 1].reach) {
                at--;
            }
            bool twice = at > 0 && pp_id_equal(&out[at - 1].peer.id, &heard->peer.id);
            if (heard->zone.ward || reach >= best || at == SHORTCUTS || twice ||
                can_find(n, &heard->peer.id) || pp_id_equal(&heard->peer.id, &n->m.a.self.id)) {
                continue;
            }
            count += count < SHORTCUTS;
            memmove(out + at + 1, out + at, (count - 1 - at) * sizeof *out);
            out[at] = candidate(n, &heard->peer,
                                &(struct can_zones){(struct can_zone *)&heard->zone, 1}, key);
        }
    }
    return count;
}

/* Shortcuts, and ourselves, when active, and all unsuspected neighbours, nearest first. */
static size_t gather(const struct pp_substrate_node *n, const struct pp_id *key,
                     struct candidate out[GATHERED])
{
    struct candidate near[SHORTCUTS];
    size_t count = 0;
    if (n->m.a.active) {
        out[count++] = candidate(n, &n->m.a.self, &n->zones, key);
    }
    for (size_t i = 0; i < n->near.n; i++) {
        if (!(n->near.at[i].flags & PP_ENTRY_SUSPECT)) {
            out[count++] = candidate(n, &n->near.at[i].peer, &n->facts[i].zones, key);
        }
    }
    qsort(out, count, sizeof *out, by_reach);
    size_t more = count > 0 ? shortcuts(n, key, out[0].reach, near) : 0;
    memmove(out + more, out, count * sizeof *out);
    memcpy(out, near, more * sizeof *out);
    return count + more;
}

void can_on_find(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                 const struct pp_header *header, struct pp_reader *body)
{
    struct pp_substrate_node *n = can_node(m);
    struct candidate near[GATHERED];
    struct pp_peer peers[GATHERED];
    uint8_t extra[GATHERED * CAN_PLACE];
    struct pp_find find;
    struct pp_writer w;
    size_t known = 0;
    (void)now;
    if (pp_read_find(body, &find) != PP_OK) {
        return;
    }
    size_t count = gather(n, &find.key, near);
    for (size_t i = 0; i < count && known < UINT8_MAX; i++) {
        if (n->m.a.active || near[i].reach < UINT64_MAX) {
            peers[known] = near[i].peer;
            memcpy(extra + known++ * CAN_PLACE, near[i].extra, CAN_PLACE);
        }
    }
    bool complete = known > 0 && pp_id_equal(&peers[0].id, &n->m.a.self.id);
    pp_agent_begin_reply(&n->m.a, &w, header);
    pp_write8(&w, complete);
    pp_write_page(&w, peers, known, find.from, extra, CAN_PLACE);
    pp_agent_send(&n->m.a, &rx->from, &w);
}

static void seed(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    struct candidate near[GATHERED];
    size_t count = gather(can_of(a), &l->key, near);
    for (size_t i = 0; i < count; i++) {
        pp_lookup_seed(a, now, l, &near[i].peer, near[i].extra, false);
    }
}

/* All zones that the look-up was told of, the dead ones' too (nobody lives there), and our own. */
static bool view_told(const struct pp_substrate_node *n, const struct pp_lookup *l,
                      struct can_view *view)
{
    *view = (struct can_view){malloc((2u * l->n + n->zones.n + 1) * sizeof *view->at), 0};
    for (size_t i = 0; view->at && i < 2u * l->n; i++) {
        const struct pp_lookup_peer *who = &l->at[i / 2];
        struct can_claim *claim = &view->at[view->n];
        claim->source = CAN_TABLE;
        view->n += can_zone_get(who->extra + i % 2 * CAN_ZONE_LEN, &claim->zone) && !who->inactive;
    }
    for (size_t i = 0; view->at && n->m.a.active && i < n->zones.n; i++) {
        view->at[view->n++] = (struct can_claim){n->zones.at[i], CAN_OWN, NULL};
    }
    if (view->at) {
        can_view_sort(view);
    }
    return view->at != NULL;
}

static bool closed(const struct pp_agent *a, const struct pp_lookup *l)
{
    const struct pp_lookup_peer *last = NULL;
    struct can_view view;
    size_t answered = 0;
    for (size_t i = 0; i < l->n && answered < l->k; i++) {
        if (l->at[i].state == PP_ASK_ANSWERED && !l->at[i].inactive) {
            last = &l->at[i];
            answered++;
        }
    }
    if (answered < l->k || !view_told(can_of(a), l, &view)) {
        return true; /* nobody is left to ask */
    }
    bool tiled = can_ball_tiled(&can_of(a)->net->space, &view, &l->key, pp_get64(last->rank));
    free(view.at);
    return tiled;
}

/* Mean volume of the k homes: where all are alive, that of one in N. */
static uint64_t spacing(const struct pp_lookup *l)
{
    uint64_t sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < l->n && n < l->k; i++) {
        const struct pp_lookup_peer *who = &l->at[i];
        struct can_zone home;
        if (who->state == PP_ASK_ANSWERED && !who->inactive && can_zone_get(who->extra, &home)) {
            sum += UINT64_C(1) << (CAN_DEPTH_MAX - home.depth);
            n++;
        }
    }
    uint64_t mean = n > 0 ? sum / n : 0; /* in 2^-32 of the space */
    return mean >> 32 ? UINT64_MAX : mean << 32;
}

const struct pp_lookup_ops can_lookup_ops = {.extra_len = CAN_PLACE,
                                             .rank = rank,
                                             .seed = seed,
                                             .closed = closed,
                                             .spacing_told = spacing,
                                             PP_MEMBER_LOOKUP_OPS};

void can_place_key(const struct pp_member *m, struct pp_id *key)
{
    const struct pp_substrate_node *n = can_node(m);
    if (n->zones.n > 0) {
        *key = can_middle(&n->net->space, n->zones.at[can_zones_home(&n->zones)]);
    }
}

void can_merged(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    for (size_t i = 0; i < result->n_peers; i++) {
        pp_member_candidate(m, now, &result->peers[i], &m->a.self, CAN_TAG_PROBE);
    }
}

/* Homes nearer than ours; *sure: of unsuspected neighbours, or such as two neighbours name. */
static size_t nearer(const struct pp_substrate_node *n, const struct can_view *view,
                     const struct pp_id *key, size_t *sure)
{
    uint8_t own[PP_RANK_LEN], other[PP_RANK_LEN];
    size_t count = 0, run = 0;
    can_rank(n, key, own);
    *sure = 0;
    for (size_t i = 0; i < view->n; i++) {
        const struct can_claim *claim = &view->at[i];
        bool again = i > 0 && can_zone_equal(claim->zone, claim[-1].zone) &&
                     pp_id_equal(&claim->peer->id, &claim[-1].peer->id);
        run = again ? run + 1 : 1;
        rank_zone(&n->net->space, key, &claim->zone, &claim->peer->id, other);
        if (claim->zone.ward || memcmp(other, own, PP_RANK_LEN) >= 0) {
            continue;
        }
        const struct pp_entry *entry = pp_tables_entry(&n->m, &claim->peer->id);
        count += run == 1;
        *sure += entry ? run == 1 && !(entry->flags & PP_ENTRY_SUSPECT) : run == 2;
    }
    return count;
}

enum pp_covers can_covers(const struct pp_substrate_node *n, const struct pp_id *key, unsigned k)
{
    uint8_t own[PP_RANK_LEN];
    struct can_view view;
    size_t sure;
    if (!n->m.a.active || n->zones.n == 0 || !can_view_take(n, 0, &view)) {
        return PP_COVERS_UNKNOWN;
    }
    can_rank(n, key, own);
    size_t all = nearer(n, &view, key, &sure);
    bool yes = all < k && can_ball_tiled(&n->net->space, &view, key, pp_get64(own));
    free(view.at);
    return yes ? PP_COVERS_YES : sure >= k ? PP_COVERS_NO : PP_COVERS_UNKNOWN;
}
