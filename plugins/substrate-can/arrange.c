/*
 * Simulator only: all tables as after long quiet. The nodes join one after the other as the
 * protocol has it, told of each other at once instead of by datagrams.
 */
#include "can.h"

#include <stdlib.h>

struct leaf {
    uint32_t child[2]; /* 0: a leaf */
    uint32_t owner;
};

struct tree {
    struct leaf *at;
    uint32_t n;
    struct pp_substrate_node *const *nodes;
    pp_ns now;
};

static uint32_t leaf_of(const struct tree *t, uint32_t prefix)
{
    uint32_t i = 0;
    for (unsigned depth = 0; t->at[i].child[0]; depth++) {
        i = t->at[i].child[prefix >> (CAN_DEPTH_MAX - 1 - depth) & 1u];
    }
    return i;
}

static struct pp_substrate_node *owner_of(const struct tree *t, struct can_zone zone)
{
    return t->nodes[t->at[leaf_of(t, zone.prefix)].owner];
}

static void tell(const struct tree *t, struct pp_substrate_node *n,
                 const struct pp_substrate_node *of)
{
    can_stand(n, t->now, &of->m.a.self, &of->zones);
}

static void tell_both(const struct tree *t, struct pp_substrate_node *a,
                      struct pp_substrate_node *b)
{
    tell(t, a, b);
    tell(t, b, a);
}

/* The zone that a joiner ends at: referred on until nobody beside its owner has a larger one. */
static struct can_zone choose(const struct tree *t, struct can_zone point)
{
    struct can_claim best = {point, CAN_TABLE, NULL};
    struct can_view view = {NULL, 0};
    while (best.source != CAN_OWN) {
        const struct pp_substrate_node *owner = owner_of(t, best.zone);
        best = (struct can_claim){owner->zones.at[0], CAN_OWN, NULL};
        if (owner->net->uniform && can_view_take(owner, 0, CAN_TABLE, &view)) {
            best = *can_richest(&best, view.at, view.n, &t->nodes[0]->m.a.random);
            free(view.at);
        }
    }
    return best.zone;
}

static void join(struct tree *t, uint32_t index)
{
    struct pp_substrate_node *joiner = t->nodes[index], *beside[CAN_TOUCHING];
    const struct can_space *space = &joiner->net->space;
    struct can_zone point = can_point(space, &joiner->m.a.self.id), zone = choose(t, point);
    struct leaf *leaf = &t->at[leaf_of(t, zone.prefix)];
    struct pp_substrate_node *owner = t->nodes[leaf->owner];
    struct can_zone given = can_half_for(zone, can_point(space, &owner->m.a.self.id), point);
    size_t n = owner->near.n;
    for (size_t i = 0; i < n; i++) {
        beside[i] = owner_of(t, owner->facts[i].zones.at[0]);
    }
    unsigned bit = can_zone_equal(given, can_half(zone, 1));
    for (unsigned i = 0; i < 2; i++) {
        leaf->child[i] = t->n;
        t->at[t->n++] = (struct leaf){{0, 0}, i == bit ? index : leaf->owner};
    }
    owner->zones.at[0] = can_sibling(given);
    can_zones_set(&joiner->zones, &given, 1);
    tell_both(t, owner, joiner);
    for (size_t i = 0; i < n; i++) {
        tell_both(t, owner, beside[i]);
        tell_both(t, joiner, beside[i]);
    }
}

static void enliven(const struct tree *t, struct pp_substrate_node *n)
{
    struct pp_random *random = &n->m.a.random;
    for (size_t i = 0; i < n->near.n; i++) {
        struct can_facts *facts = &n->facts[i];
        const struct pp_substrate_node *other = owner_of(t, facts->zones.at[0]);
        facts->list = malloc((other->near.n + 1u) * sizeof *facts->list);
        for (; facts->list && facts->n_list < other->near.n; facts->n_list++) {
            facts->list[facts->n_list] = (struct can_heard){
                other->near.at[facts->n_list].peer, other->facts[facts->n_list].zones.at[0]};
        }
        facts->listed = facts->told = can_digest(other);
        facts->version = other->version;
    }
    n->m.phase = PP_PHASE_MEMBER;
    n->m.seek_k = CAN_WIDE;
    n->m.a.active = true;
    n->m.state = n->m.told = PP_ACTIVE;
    n->upkeep_at = t->now + pp_random_jitter(random, n->net->update / 4);
    n->faces_at = t->now + pp_random_jitter(random, n->net->update);
}

void can_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now)
{
    struct tree t = {malloc(2 * n * sizeof *t.at + sizeof *t.at), 1, nodes, now};
    if (!t.at || n == 0) {
        free(t.at);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        can_free(&nodes[i]->m);
    }
    t.at[0] = (struct leaf){{0, 0}, 0};
    can_zones_add(&nodes[0]->zones, (struct can_zone){0});
    for (uint32_t i = 1; i < n; i++) {
        join(&t, i);
    }
    for (size_t i = 0; i < n; i++) {
        enliven(&t, nodes[i]);
    }
    free(t.at);
}
