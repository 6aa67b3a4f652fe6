/* A tree without a substrate round it: to look at its cells, its order, its upkeep. */
#ifndef WOOD_H
#define WOOD_H

#include <common/find.h>
#include <common/tree.h>
#include <stdlib.h>

#include "fake.h"

struct pp_substrate_node {
    struct pp_tree t; /* first */
};

struct wood {
    struct fake f; /* first */
    enum pp_state state;
    unsigned outgrown, dropped, arranged;
    struct pp_tree_net net;
    struct pp_tree_ops ops;
    struct pp_member_ops member_ops;
    struct pp_substrate_node *n;
};

static inline struct wood *wood_of(struct pp_tree *t)
{
    return t->r.m.a.ctx;
}

static inline void wood_outgrown(struct pp_tree *t, pp_ns now)
{
    (void)now;
    wood_of(t)->outgrown++;
}

static inline void wood_dropped(struct pp_tree *t, const struct pp_peer *peer)
{
    wood_of(t)->dropped += peer->udp != 0;
}

static inline void wood_arranged(struct pp_tree *t, pp_ns now)
{
    (void)now;
    wood_of(t)->arranged++;
}

static inline void wood_state(void *ctx, enum pp_state state, const char *text)
{
    (void)text;
    ((struct wood *)ctx)->state = state;
}

static inline void wood_place(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    pp_member_learn_all(m, now, result);
    pp_member_activate(m, now);
}

static inline void wood_activated(struct pp_member *m, pp_ns now)
{
    pp_tree_activated(pp_tree_of(m), now);
}

static inline void wood_tick(struct pp_member *m, pp_ns now)
{
    pp_tree_tick(pp_tree_of(m), now);
}

static inline pp_ns wood_next(const struct pp_member *m)
{
    return pp_tree_next((const struct pp_tree *)m);
}

static inline bool wood_goodbye(struct pp_member *m, pp_ns now)
{
    (void)m;
    (void)now;
    return false;
}

static const struct pp_substrate_host wood_host = {fake_send, fake_found, wood_state, NULL};
static pp_request_fn *const wood_requests[] = {[PP_WIRE_PING] = pp_member_on_ping,
                                               [PP_WIRE_FIND] = pp_roster_on_find,
                                               [PP_WIRE_OWN] = pp_member_on_leave};

static inline void wood_net(struct wood *w, unsigned bits, unsigned cell, unsigned siblings)
{
    memset(w, 0, sizeof *w);
    w->ops = (struct pp_tree_ops){"wood", "cell", wood_outgrown, wood_dropped, wood_arranged};
    w->net = (struct pp_tree_net){.host = &wood_host,
                                  .ops = &w->ops,
                                  .bits = bits,
                                  .cell = cell,
                                  .siblings = siblings,
                                  .ping = 30 * PP_SECOND};
    w->member_ops = (struct pp_member_ops){PP_ROSTER_MEMBER_OPS,
                                           .peers = pp_roster_peers,
                                           .wanted = pp_tree_wanted,
                                           .seek_k = PP_K_MAX,
                                           .place = wood_place,
                                           .activated = wood_activated,
                                           PP_MEMBER_REQUESTS(wood_requests),
                                           .tick = wood_tick,
                                           .next = wood_next,
                                           .goodbye = wood_goodbye};
}

static inline struct pp_substrate_node *wood_node(struct wood *w, const struct pp_peer *self,
                                                  enum pp_role role)
{
    static const uint8_t seed[16] = {9};
    return pp_tree_create(sizeof(struct pp_substrate_node), &w->net, &w->member_ops, w, role, self,
                          seed);
}

/* Node 0x80, which has founded a network. */
static inline struct pp_tree *wood_start(struct wood *w, unsigned bits, unsigned cell,
                                         unsigned siblings)
{
    struct pp_peer self = peer_number(0x80);
    wood_net(w, bits, cell, siblings);
    w->n = wood_node(w, &self, PP_MEMBER);
    pp_member_meet(w->n, PP_SECOND, NULL, 0);
    return &w->n->t;
}

static inline void wood_end(struct wood *w)
{
    pp_member_destroy(w->n);
}

/* Peer `number` of the second octet `more`: has answered in so many ms, 0: not measured. */
static inline struct pp_peer wood_peer(uint8_t number, uint8_t more)
{
    struct pp_peer peer = peer_number(number);
    peer.id.b[1] = more;
    peer.address[14] = more;
    return peer;
}

static inline struct pp_entry *wood_entry(struct pp_tree *t, uint8_t number, uint8_t more)
{
    struct pp_peer peer = wood_peer(number, more);
    return pp_roster_entry(&t->r.m, &peer.id);
}

static inline void wood_know(struct pp_tree *t, pp_ns now, uint8_t number, uint8_t more,
                             unsigned ms)
{
    struct pp_peer peer = wood_peer(number, more);
    t->r.m.sample = ms * PP_MS;
    pp_roster_learn(&t->r.m, now, &peer, 0);
    t->r.m.sample = 0;
}

static inline void wood_lose(struct pp_tree *t, pp_ns now, uint8_t number, uint8_t more)
{
    struct pp_peer peer = wood_peer(number, more);
    pp_roster_forget(&t->r.m, now, &peer.id);
}

static inline struct pp_id wood_random(uint64_t *state)
{
    struct pp_id id;
    for (size_t i = 0; i < PP_ID_LEN; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        id.b[i] = (uint8_t)(*state >> 56);
    }
    return id;
}

#define FOREST_MAX 100

/* n nodes at random, their tables as after long quiet. */
struct forest {
    struct wood w;
    struct pp_substrate_node *at[FOREST_MAX];
    size_t n;
};

static inline void forest_start(struct forest *f, unsigned bits, unsigned cell, unsigned siblings,
                                size_t n)
{
    uint64_t state = 17 + bits;
    wood_net(&f->w, bits, cell, siblings);
    f->n = n;
    for (size_t i = 0; i < n; i++) {
        struct pp_peer self = peer_number((uint8_t)(i + 1));
        self.id = wood_random(&state);
        f->at[i] = wood_node(&f->w, &self, PP_MEMBER);
    }
    pp_tree_arrange(f->at, n, PP_HOUR);
}

static inline void forest_end(struct forest *f)
{
    for (size_t i = 0; i < f->n; i++) {
        pp_member_destroy(f->at[i]);
    }
}

#endif
