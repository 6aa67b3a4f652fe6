/*
 * Tapestry (Zhao, Huang, Stribling, Rhea, Joseph, Kubiatowicz 2004): the state of one node and what
 * the files of this folder call of each other. It is a tree (common/tree.h) whose digits have
 * `bits` bits and whose cells hold a primary and its backups. What is its own:
 *
 * A joiner finds its surrogate root and has a JOIN multicast to all that share the root's prefix:
 * each of them contacts it and pins it until it is active, since in their tables it fills a hole.
 * Then the joiner fills its rows, from the longest prefix up, by ROWS of whoever shares it. A node
 * whose cell we fill has POINTed at us: it is a backpointer, told when we leave, named to joiners.
 *
 * Beyond the paper, and for exactness up to k = 32: the nodes nearest by prefix (the tree's
 * siblings) are all known and kept fresh, as Kademlia's are.
 */
#ifndef TAPESTRY_H
#define TAPESTRY_H

#include <common/tree.h>

#define TAPESTRY_WIRE 1 /* raise when the format changes */
#define TAPESTRY_PINS 16
#define TAPESTRY_CASTS 32
#define TAPESTRY_BACKPOINTERS 64
#define TAPESTRY_LEASE (10 * PP_MINUTE) /* of a backpointer that is not heard */
#define TAPESTRY_POINTED 0x02u          /* of an entry's flags: it knows that we point at it */

enum tapestry_kind {
    /* A page of replacements; no reply. */
    TAPESTRY_LEAVE = PP_WIRE_OWN,
    /* Level 1, the joiner; reply when all below have answered: a page of others that join. */
    TAPESTRY_JOIN,
    /* Row 1, from 1; reply: the row itself 1, a page of entries and backpointers. */
    TAPESTRY_ROWS,
    /* 1: we point at you, 0: no longer; reply without content. */
    TAPESTRY_POINT
};

struct pp_net {
    struct pp_tree_net tree;
};

/* A joiner of whom a multicast told us: pinged until it is active. */
struct tapestry_pin {
    struct pp_peer peer;
    pp_ns until, ping_at;
};

/* A multicast that we pass on: answered when all below have. */
struct tapestry_cast {
    struct pp_peer joiner, parent;
    struct pp_header request;
    pp_ns until; /* 0: unused */
    uint16_t serial;
    uint8_t waiting; /* for so many */
};

struct pp_substrate_node {
    struct pp_tree t;               /* first */
    struct pp_peerset backpointers; /* in the order of XOR distance */
    struct tapestry_pin *pins;      /* TAPESTRY_PINS, or NULL */
    struct tapestry_cast *casts;    /* TAPESTRY_CASTS, or NULL */
    pp_ns pins_at, refresh_at, fill_until, point_at;
    uint16_t serial;
    int16_t fill_row; /* the row being filled while joining; -1: none */
    uint8_t row;      /* the next to be refreshed */
    uint8_t hurry;    /* so many rows are refreshed soon, since something changed */
    uint8_t asked;    /* ROWS out while joining */
};

static inline struct pp_substrate_node *tapestry_node(struct pp_member *m)
{
    return (struct pp_substrate_node *)m;
}

/* multicast.c */
void tapestry_place(struct pp_member *m, pp_ns now, const struct pp_result *result);
pp_request_fn tapestry_on_join;

/* pins.c */
void tapestry_pin(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer);
void tapestry_unpin(struct pp_substrate_node *n, const struct pp_id *id);
size_t tapestry_pinned(const struct pp_substrate_node *n, const struct pp_id *but,
                       struct pp_peer out[TAPESTRY_PINS]);
void tapestry_ping_pinned(struct pp_substrate_node *n, pp_ns now);

/* rows.c */
extern const struct pp_tree_ops tapestry_tree_ops;
void tapestry_fill(struct pp_substrate_node *n, pp_ns now);
/* Somebody near us is new, or far more are: the rows are compared soon. */
void tapestry_hurry(struct pp_substrate_node *n, pp_ns now);
/* Pings are over: the next row. */
void tapestry_settled(struct pp_member *m, pp_ns now);
pp_request_fn tapestry_on_rows;
void tapestry_activated(struct pp_member *m, pp_ns now);
void tapestry_tick(struct pp_member *m, pp_ns now);
pp_ns tapestry_next(const struct pp_member *m);

/* backpointers.c */
/* Who stands in our table, then who has us in its own. */
size_t tapestry_peers(const struct pp_member *m, struct pp_peer *out, size_t cap);
void tapestry_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag);
void tapestry_forget(struct pp_member *m, pp_ns now, const struct pp_id *id);
pp_request_fn tapestry_on_point, tapestry_on_leave;
/* Tells those who fill our cells that we point at them. */
void tapestry_point(struct pp_substrate_node *n, pp_ns now);
void tapestry_dropped(struct pp_tree *t, const struct pp_peer *peer);
bool tapestry_goodbye(struct pp_member *m, pp_ns now);
void tapestry_free(struct pp_member *m);

#endif
