/*
 * Buckets: each is looked into now and then by a look-up of a random id in it, and all of them one
 * after the other after joining (Maymounkov and Mazieres 2002, section 2.3).
 */
#include "kademlia.h"

void kademlia_place(struct pp_member *m, pp_ns now, const struct pp_result *result)
{
    pp_member_learn_all(m, now, result);
    pp_member_activate(m, now);
}

/* How many buckets there are that the siblings may not hold whole. */
static unsigned buckets(const struct pp_tree *t)
{
    struct pp_cell edge;
    return pp_tree_edge(t, &edge) ? edge.row + 1u : 0;
}

static void look_into(struct pp_tree *t, pp_ns now, unsigned bucket)
{
    uint8_t other = (uint8_t)!pp_id_digit(&t->r.m.a.self.id, bucket, 1);
    pp_tree_look_into(t, now, (struct pp_cell){(uint8_t)bucket, other, 0});
}

static void fill(struct pp_tree *t, pp_ns now)
{
    for (unsigned bucket = 0; bucket < buckets(t); bucket++) {
        look_into(t, now, bucket);
    }
}

static void refresh_later(struct pp_substrate_node *n, pp_ns now)
{
    unsigned count = buckets(&n->t);
    pp_ns share = n->t.net->refresh / (pp_ns)(count ? count : 1);
    n->refresh_at = now + pp_random_jitter(&n->t.r.m.a.random, share);
}

void kademlia_activated(struct pp_member *m, pp_ns now)
{
    pp_tree_activated(pp_tree_of(m), now);
    fill(pp_tree_of(m), now);
    refresh_later(kademlia_node(m), now);
}

static void arranged(struct pp_tree *t, pp_ns now)
{
    refresh_later(kademlia_node(&t->r.m), now);
}

const struct pp_tree_ops kademlia_tree_ops = {
    .name = "kademlia", .cell_name = "bucket", .outgrown = fill, .arranged = arranged};

void kademlia_tick(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = kademlia_node(m);
    unsigned count = buckets(&n->t);
    pp_tree_tick(&n->t, now);
    if (m->phase != PP_PHASE_MEMBER || now < n->refresh_at) {
        return;
    }
    n->bucket = (uint8_t)(n->bucket + 1u < count ? n->bucket + 1u : 0);
    if (count > 0) {
        look_into(&n->t, now, n->bucket);
    }
    refresh_later(n, now);
}

pp_ns kademlia_next(const struct pp_member *m)
{
    const struct pp_substrate_node *n = (const struct pp_substrate_node *)m;
    return m->phase == PP_PHASE_MEMBER ? pp_sooner(pp_tree_next(&n->t), n->refresh_at) : PP_NEVER;
}
