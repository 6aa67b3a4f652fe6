/*
 * Simulator only: all tables as after long quiet. The nodes join one after the other as the
 * protocol has it, in a partition tree in memory, and then know whom they touch.
 */
#include "can.h"

#include <stdlib.h>

struct leaf {
    uint32_t child[2]; /* 0: a leaf */
    uint32_t owner;
    struct can_zone zone;
};

struct tree {
    struct leaf *at;
    uint32_t n;
    const struct can_space *space;
    struct pp_random *random;
    uint32_t best, ties; /* the largest leaf next to `home` */
    struct can_zone home;
};

static void largest(struct tree *t, uint32_t i)
{
    struct leaf *leaf = &t->at[i];
    struct can_faces faces = {t->space, t->home};
    if (!can_faces_enter(&faces, leaf->zone)) {
        return;
    }
    if (leaf->child[0]) {
        largest(t, leaf->child[0]);
        largest(t, leaf->child[1]);
        return;
    }
    uint8_t depth = t->at[t->best].zone.depth;
    if (leaf->zone.depth < depth ||
        (leaf->zone.depth == depth && t->ties && pp_random_below(t->random, t->ties + 1) == 0)) {
        t->ties = leaf->zone.depth < depth ? 1 : t->ties + 1;
        t->best = i;
    }
}

static uint32_t owner_of(const struct tree *t, struct can_zone point)
{
    uint32_t i = 0;
    while (t->at[i].child[0]) {
        i = t->at[i].child[point.prefix >> (CAN_DEPTH_MAX - 1 - t->at[i].zone.depth) & 1u];
    }
    return i;
}

static void split(struct tree *t, uint32_t i, uint32_t joiner, struct can_zone given)
{
    struct leaf *leaf = &t->at[i];
    for (unsigned bit = 0; bit < 2; bit++) {
        struct can_zone half = can_half(leaf->zone, bit);
        leaf->child[bit] = t->n;
        t->at[t->n++] =
            (struct leaf){{0, 0}, can_zone_equal(half, given) ? joiner : leaf->owner, half};
    }
}

static void join_all(struct tree *t, struct pp_substrate_node *const *nodes, size_t n)
{
    t->at[t->n++] = (struct leaf){0};
    for (uint32_t i = 1; i < n; i++) {
        struct can_zone point = can_point(t->space, &nodes[i]->m.a.self.id);
        t->best = owner_of(t, point);
        while (nodes[0]->net->uniform) { /* as referrals go, until no neighbour is larger */
            uint8_t depth = t->at[t->best].zone.depth;
            t->home = t->at[t->best].zone;
            t->ties = 0;
            largest(t, 0);
            if (t->at[t->best].zone.depth == depth) {
                break;
            }
        }
        const struct pp_id *owner = &nodes[t->at[t->best].owner]->m.a.self.id;
        split(t, t->best, i, can_half_for(t->at[t->best].zone, can_point(t->space, owner), point));
    }
}

struct touching {
    struct pp_substrate_node *n;
    struct pp_substrate_node *const *nodes;
    struct can_faces faces;
    pp_ns now;
    bool lists; /* the second pass: what the neighbours know */
};

static void put_touching(struct touching *c, const struct tree *t, uint32_t i)
{
    const struct leaf *leaf = &t->at[i];
    if (!can_faces_enter(&c->faces, leaf->zone)) {
        return;
    }
    if (leaf->child[0]) {
        put_touching(c, t, leaf->child[0]);
        put_touching(c, t, leaf->child[1]);
        return;
    }
    struct pp_substrate_node *other = c->nodes[leaf->owner];
    if (c->lists) {
        can_put_list(c->n, other);
    } else {
        can_put(c->n, other, c->now);
    }
}

static void enliven(struct pp_substrate_node *n, pp_ns now)
{
    struct pp_random *random = &n->m.a.random;
    n->m.phase = PP_PHASE_MEMBER;
    n->m.a.active = true;
    n->m.state = n->m.told = PP_ACTIVE;
    n->upkeep_at = now + pp_random_jitter(random, n->net->update / 4);
    n->faces_at = now + pp_random_jitter(random, n->net->update);
}

void can_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now)
{
    struct tree t = {.at = malloc(2 * n * sizeof *t.at + sizeof *t.at)};
    if (!t.at || n == 0) {
        free(t.at);
        return;
    }
    t.space = &nodes[0]->net->space;
    t.random = &nodes[0]->m.a.random;
    join_all(&t, nodes, n);
    for (uint32_t i = 0; i < t.n; i++) {
        if (!t.at[i].child[0]) {
            struct pp_substrate_node *node = nodes[t.at[i].owner];
            can_free(&node->m);
            can_zones_add(&node->zones, t.at[i].zone);
        }
    }
    for (size_t i = 0; i < 2 * n; i++) {
        struct pp_substrate_node *node = nodes[i % n];
        struct touching c = {node, nodes, {t.space, node->zones.at[0]}, now, i >= n};
        put_touching(&c, &t, 0);
        enliven(node, now);
    }
    free(t.at);
}
