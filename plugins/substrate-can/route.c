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
#define GATHERED (2 * CAN_TOUCHING)

/* By the home; without one it comes last. */
static void rank_home(const struct can_space *space, const struct pp_id *key,
                      const struct can_zone *home, const struct pp_id *id, uint8_t out[PP_RANK_LEN])
{
    struct can_near near =
        home ? can_near(space, key, *home) : (struct can_near){UINT64_MAX, UINT64_MAX};
    memset(out, 0, PP_RANK_LEN);
    pp_put64(out, near.zone);
    pp_put64(out + 8, near.centre);
    memcpy(out + 16, id->b, PP_ID_LEN);
}

void can_rank(const struct pp_substrate_node *n, const struct pp_id *key, uint8_t out[PP_RANK_LEN])
{
    rank_home(&n->net->space, key, n->zones.at, &n->m.a.self.id, out);
}

static void rank(const struct pp_agent *a, const struct pp_id *key, const struct pp_peer *peer,
                 const uint8_t *extra, uint8_t out[PP_RANK_LEN])
{
    struct can_zone home;
    bool told = can_zone_get(extra, &home) || can_zone_get(extra + CAN_ZONE_LEN, &home);
    if (a->active && pp_id_equal(&peer->id, &a->self.id)) {
        can_rank(can_of(a), key, out);
    } else {
        rank_home(&can_of(a)->net->space, key, told ? &home : NULL, &peer->id, out);
    }
}

/* A peer on its way into a reply or look-up. */
struct candidate {
    uint64_t reach; /* how near one of its zones is */
    struct pp_peer peer;
    uint8_t extra[CAN_PLACE];
};

struct candidates {
    struct candidate at[GATHERED];
    size_t n;
};

static int by_reach(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->reach == y->reach ? memcmp(x->extra, y->extra, CAN_PLACE)
                                : (x->reach > y->reach) - (x->reach < y->reach);
}

static void add(struct candidates *list, const struct pp_substrate_node *n, const struct pp_id *key,
                const struct pp_peer *peer, const struct can_zones *zones)
{
    struct candidate *c = &list->at[list->n++];
    uint64_t nearest = UINT64_MAX;
    *c = (struct candidate){UINT64_MAX, *peer, {0}};
    for (size_t i = 0; i < zones->n; i++) {
        uint64_t distance = can_near(&n->net->space, key, zones->at[i]).zone;
        c->reach = distance < c->reach ? distance : c->reach;
        if (i == 0 || distance < nearest) {
            nearest = i == 0 ? nearest : distance;
            can_zone_put(c->extra + (i == 0 ? 0 : CAN_ZONE_LEN), zones->at[i]);
        }
    }
}

/* Of whom the neighbours told, those with homes nearer than `best`. */
static void add_told(struct candidates *list, const struct pp_substrate_node *n, pp_ns now,
                     const struct pp_id *key, uint64_t best)
{
    struct can_view view;
    const struct pp_peer *before = NULL;
    if (!can_view_take(n, now, CAN_HEARSAY, &view)) {
        return;
    }
    for (size_t i = 0; i < view.n && list->n < GATHERED; i++) {
        const struct can_claim *claim = &view.at[i];
        bool again = before && pp_id_equal(&before->id, &claim->peer->id); /* by another */
        if (claim->source == CAN_HEARSAY && claim->zone.hold == CAN_HOME && !again &&
            can_near(&n->net->space, key, claim->zone).zone < best) {
            add(list, n, key, claim->peer, &(struct can_zones){&view.at[i].zone, 1});
            uint8_t *extra = list->at[list->n - 1].extra; /* in the ward's place: not sure */
            memcpy(extra + CAN_ZONE_LEN, extra, CAN_ZONE_LEN);
            memset(extra, 0, CAN_ZONE_LEN);
            before = claim->peer;
        }
    }
    free(view.at);
}

/* Nearest first: ourselves, when active, all unsuspected neighbours, and a few of whom they told,
 * who are hearsay: the asker asks them and goes round whoever is gone. */
static void gather(const struct pp_substrate_node *n, pp_ns now, const struct pp_id *key,
                   struct candidates *list)
{
    uint64_t best = UINT64_MAX;
    list->n = 0;
    if (n->m.a.active) {
        add(list, n, key, &n->m.a.self, &n->zones);
    }
    for (size_t i = 0; i < n->near.n; i++) {
        if (!(n->near.at[i].flags & PP_ENTRY_SUSPECT)) {
            add(list, n, key, &n->near.at[i].peer, &n->facts[i].zones);
        }
    }
    size_t first = list->n, told = 0;
    for (size_t i = 0; i < first; i++) {
        best = list->at[i].reach < best ? list->at[i].reach : best;
    }
    if (best > 0 && n->net->shortcuts) {
        add_told(list, n, now, key, best);
        told = list->n - first;
    }
    qsort(list->at, list->n, sizeof *list->at, by_reach);
    if (told > SHORTCUTS) { /* they stand before all others */
        list->n = SHORTCUTS + first;
        memmove(list->at + SHORTCUTS, list->at + told, first * sizeof *list->at);
    }
    for (size_t i = 0; i < n->known.n && !n->m.a.active; i++) {
        add(list, n, key, &n->known.at[i].peer, &(struct can_zones){NULL, 0});
    }
}

void can_on_find(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                 const struct pp_header *header, struct pp_reader *body)
{
    struct candidates list;
    struct pp_peer peers[GATHERED];
    uint8_t extra[GATHERED * CAN_PLACE];
    struct pp_find find;
    struct pp_writer w;
    size_t n = 0;
    if (pp_read_find(body, &find) != PP_OK) {
        return;
    }
    gather(can_node(m), now, &find.key, &list);
    for (; n < list.n && n < UINT8_MAX; n++) {
        peers[n] = list.at[n].peer;
        memcpy(extra + n * CAN_PLACE, list.at[n].extra, CAN_PLACE);
    }
    pp_agent_begin_reply(&m->a, &w, header);
    pp_write8(&w, n > 0 && pp_id_equal(&peers[0].id, &m->a.self.id));
    pp_write_page(&w, peers, n, find.from, extra, CAN_PLACE);
    pp_agent_send(&m->a, &rx->from, &w);
}

static void seed(struct pp_agent *a, pp_ns now, struct pp_lookup *l)
{
    struct candidates list;
    gather(can_of(a), now, &l->key, &list);
    for (size_t i = 0; i < list.n; i++) {
        pp_lookup_seed(a, now, l, &list.at[i].peer, list.at[i].extra, false);
    }
}

/* All zones that the look-up was told of by their neighbours, the dead ones' too (nobody lives
 * there), and our own. */
static bool view_told(const struct pp_substrate_node *n, const struct pp_lookup *l,
                      struct can_view *view)
{
    *view = (struct can_view){malloc((2u * l->n + n->zones.n + 1) * sizeof *view->at), 0};
    for (size_t i = 0; view->at && i < 2u * l->n; i++) {
        const struct pp_lookup_peer *who = &l->at[i / 2];
        struct can_claim *claim = &view->at[view->n];
        claim->source = CAN_TABLE;
        view->n += can_zone_get(who->extra + i % 2 * CAN_ZONE_LEN, &claim->zone) &&
                   (claim->zone.hold == CAN_HOME) == (i % 2 == 0) && !who->inactive;
    }
    for (size_t i = 0; view->at && n->m.a.active && i < n->zones.n; i++) {
        view->at[view->n++] = (struct can_claim){n->zones.at[i], CAN_OWN, NULL};
    }
    if (view->at) {
        can_view_sort(view);
    }
    return view->at != NULL;
}

static bool tiled(const struct pp_substrate_node *n, const struct can_view *view,
                  const struct pp_id *key, const uint8_t rank_of_last[PP_RANK_LEN])
{
    struct can_zone gap;
    struct can_region ball = {&n->net->space, key, pp_get64(rank_of_last), {0}};
    return !can_gap(view, &ball, 0, &gap);
}

/* The answer's members, in order, from `from` on. */
static const struct pp_lookup_peer *answered(const struct pp_lookup *l, size_t *from)
{
    while (*from < l->n) {
        const struct pp_lookup_peer *who = &l->at[(*from)++];
        if (who->state == PP_ASK_ANSWERED && !who->inactive) {
            return who;
        }
    }
    return NULL;
}

static bool closed(const struct pp_agent *a, const struct pp_lookup *l)
{
    const struct pp_lookup_peer *last = NULL;
    struct can_view view;
    size_t at = 0;
    for (size_t i = 0; i < l->k; i++) {
        last = answered(l, &at);
    }
    if (!last || !view_told(can_of(a), l, &view)) {
        return true; /* nobody is left to ask */
    }
    bool done = tiled(can_of(a), &view, &l->key, last->rank);
    free(view.at);
    return done;
}

/* Mean volume of the k homes: where all are alive, that of one in N. */
static uint64_t spacing(const struct pp_lookup *l)
{
    const struct pp_lookup_peer *who;
    struct can_zone home;
    uint64_t sum = 0;
    size_t at = 0, n = 0;
    while (n < l->k && (who = answered(l, &at)) && can_zone_get(who->extra, &home)) {
        sum += UINT64_C(1) << (CAN_DEPTH_MAX - home.depth);
        n++;
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

/* Where we belong, or, of a hole, who lives in it. */
void can_place_key(const struct pp_member *m, struct pp_id *key)
{
    const struct pp_substrate_node *n = can_node(m);
    *key = can_middle(&n->net->space, n->holed ? n->hole : n->zones.at[0]);
}

void can_merged(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    for (size_t i = 0; i < result->n_peers; i++) {
        pp_member_candidate(m, now, &result->peers[i], &m->a.self, CAN_TAG_PROBE);
    }
}

/* Homes nearer than ours; *sure: of unsuspected neighbours, or such as two neighbours name. */
static size_t nearer(const struct pp_substrate_node *n, const struct can_view *view,
                     const struct pp_id *key, const uint8_t own[PP_RANK_LEN], size_t *sure)
{
    uint8_t other[PP_RANK_LEN];
    size_t count = 0, run = 0;
    *sure = 0;
    for (size_t i = 0; i < view->n; i++) {
        const struct can_claim *claim = &view->at[i];
        bool again = i > 0 && can_zone_equal(claim->zone, claim[-1].zone) &&
                     pp_id_equal(&claim->peer->id, &claim[-1].peer->id);
        run = again ? run + 1 : 1;
        rank_home(&n->net->space, key, &claim->zone, &claim->peer->id, other);
        if (claim->zone.hold != CAN_HOME || memcmp(other, own, PP_RANK_LEN) >= 0) {
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
    if (!n->m.a.active || n->zones.n == 0 || !can_view_take(n, 0, CAN_HEARSAY, &view)) {
        return PP_COVERS_UNKNOWN;
    }
    can_rank(n, key, own);
    bool yes = nearer(n, &view, key, own, &sure) < k && tiled(n, &view, key, own);
    free(view.at);
    return yes ? PP_COVERS_YES : sure >= k ? PP_COVERS_NO : PP_COVERS_UNKNOWN;
}
