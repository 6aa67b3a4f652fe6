/*
 * Kademlia (Maymounkov and Mazieres 2002): the state of one node and what the files of this folder
 * call of each other. It is a tree (common/tree.h) whose digits have one bit, so that its order is
 * the XOR distance and its cells, one a length of shared prefix, are Kademlia's buckets; what is
 * its own is how buckets are filled and kept: look-ups of random ids in them.
 */
#ifndef KADEMLIA_H
#define KADEMLIA_H

#include <common/tree.h>

#define KADEMLIA_WIRE 1            /* raise when the format changes */
#define KADEMLIA_LEAVE PP_WIRE_OWN /* LEAVE: no content, no reply; the paper leaves silently */

struct pp_net {
    struct pp_tree_net tree;
};

struct pp_substrate_node {
    struct pp_tree t; /* first */
    pp_ns refresh_at;
    uint8_t bucket; /* the next to be refreshed */
};

static inline struct pp_substrate_node *kademlia_node(struct pp_member *m)
{
    return (struct pp_substrate_node *)m;
}

/* refresh.c */
extern const struct pp_tree_ops kademlia_tree_ops;
void kademlia_place(struct pp_member *m, pp_ns now, const struct pp_result *result);
void kademlia_activated(struct pp_member *m, pp_ns now);
void kademlia_tick(struct pp_member *m, pp_ns now);
pp_ns kademlia_next(const struct pp_member *m);

#endif
