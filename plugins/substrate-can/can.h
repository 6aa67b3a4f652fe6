/*
 * CAN (Ratnasamy et al. 2001) with zones as bit strings of the partition tree: the state of one
 * node and what the files of this folder call of each other.
 *
 * A node has one home, the zone by which it is near to keys or not, and may keep wards: zones of
 * dead neighbours, which it routes for until a joiner comes or, after a while, whoever they make
 * whole. So a death changes nobody else's nearness. All changes are claims: a node says which zones
 * it holds, and of two who claim the same part the stronger claim stays: a home before a ward, the
 * deeper, the smaller id. At each point one claim never yields.
 *
 * Its neighbours are exactly the nodes with a zone that touches (or, in a dispute, overlaps) one of
 * its own, each known from its own word. What neighbours say of theirs is hearsay: it bounds holes,
 * shortens ways and settles `covers`, and is asked before it is believed.
 */
#ifndef CAN_H
#define CAN_H

#include "zone.h"

#include <common/census.h>

#define CAN_WIRE 3                   /* raise when the format changes */
#define CAN_TAG_PROBE 1u             /* of a ping: it may have become a neighbour */
#define CAN_TOUCHING 256             /* neighbours, at most */
#define CAN_PLACE (2 * CAN_ZONE_LEN) /* with a peer in FIND: its home, its ward nearest the key */
#define CAN_WIDE 8                   /* members look up a place so wide */

enum can_kind {
    CAN_STATE = PP_WIRE_OWN, /* my zones; reply: yours, and your neighbours if I have others */
    CAN_JOIN,                /* I want this zone; reply: it is yours, busy, or where to ask */
    CAN_LEAVE,               /* I am gone; no reply */
    CAN_KINDS
};

struct pp_net {
    const struct pp_substrate_host *host;
    struct can_space space;
    bool uniform, shortcuts;
    pp_ns update, wards;
};

/* Told by a neighbour of one of his. */
struct can_heard {
    struct pp_peer peer;
    struct can_zone zone;
};

/* What is known of a neighbour beside its entry. */
struct can_facts {
    struct can_zones zones;
    struct can_heard *list; /* its neighbours, as it told them */
    uint32_t version;       /* of its zones: rises */
    uint32_t listed, told;  /* digests: of the list that we have, of the list that it has */
    uint32_t stated;        /* when it last told its zones, in ticks of 2^24 ns */
    uint16_t n_list;
};

/* What a node says of itself. */
struct can_word {
    uint32_t have, version, digest; /* have: digest of the listener's list that is known */
    struct can_zone zones[CAN_ZONES_MAX];
    uint8_t n;
    bool listed;
    struct pp_page list; /* neighbours, a zone with each */
};

struct pp_substrate_node {
    struct pp_member m; /* first */
    const struct pp_net *net;
    struct can_zones zones;
    struct pp_peerset near, known; /* neighbours, by id; whom a client or joiner remembers */
    struct can_facts *facts;       /* one for each of `near` */
    pp_ns upkeep_at, faces_at;
    pp_ns open_at; /* wards are kept until then */
    struct pp_id joiner;
    pp_ns granted_until; /* till then the joiner is waited for */
    uint32_t version;
    uint8_t referrals;
    bool wants;           /* asked for the zone `wanted` */
    bool holed, searched; /* a hole is looked after; it is being searched */
    struct can_zone hole, wanted;
    pp_ns hole_at; /* it is our turn to see to it */
};

static inline struct pp_substrate_node *can_node(const struct pp_member *m)
{
    return (struct pp_substrate_node *)m;
}

static inline const struct pp_substrate_node *can_of(const struct pp_agent *a)
{
    return (const struct pp_substrate_node *)a;
}

/* claims.c: what is known of the space, as claims in order. */
enum can_source { CAN_OWN, CAN_TABLE, CAN_HEARSAY };

struct can_claim {
    struct can_zone zone;
    enum can_source source;
    const struct pp_peer *peer;
};

struct can_view {
    struct can_claim *at;
    size_t n;
};

/* Own zones, neighbours', what they say of others, as far as `least`; false: out of memory. */
bool can_view_take(const struct pp_substrate_node *n, pp_ns now, enum can_source least,
                   struct can_view *view);
void can_view_sort(struct can_view *view);

/* The ball round a key, or, without a key, what touches a zone from outside. */
struct can_region {
    const struct can_space *space;
    const struct pp_id *key;
    uint64_t distance;
    struct can_zone zone;
};
/* Is there a part of the region that nobody holds? One such; bit i of `turn`: which half of a zone
 * of depth i is looked at first. */
bool can_gap(const struct can_view *view, const struct can_region *region, uint32_t turn,
             struct can_zone *gap);
/* What a joiner should ask for: a ward rather than half of a home, then the largest; of equals the
 * teller's own, else any. */
const struct can_claim *can_richest(const struct can_claim *own, const struct can_claim *others,
                                    size_t n, struct pp_random *random);

/* messages.c */
void can_write_zone(struct pp_writer *w, struct can_zone zone);
/* false: no zone. */
bool can_read_zone(struct pp_reader *r, struct can_zone *zone);
/* Our word. list: with our neighbours, those first that touch `first` (NULL: our zones). */
void can_write_word(struct pp_writer *w, const struct pp_substrate_node *n, uint32_t have,
                    bool list, const struct can_zones *first);
bool can_read_word(struct pp_reader *r, struct can_word *word); /* false: malformed */
/* Of our neighbours, their endpoints and zones. */
uint32_t can_digest(const struct pp_substrate_node *n);

pp_request_fn can_on_find, can_on_state, can_on_join;

/* state.c */
extern const struct pp_order can_by_id;
size_t can_tables(const struct pp_member *m, struct pp_table out[PP_TABLES_MAX]);
struct can_facts *can_find(const struct pp_substrate_node *n, const struct pp_id *id);
bool can_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag);
void can_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag);
void can_forget(struct pp_member *m, pp_ns now, const struct pp_id *id);
void can_free(struct pp_member *m);
bool can_touches(const struct pp_substrate_node *n, const struct can_zones *zones);
/* A peer with these zones: a neighbour, or none. */
void can_stand(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
               const struct can_zones *zones);
/* Our zones have changed: tells all neighbours and drops those that are none any more. */
void can_changed(struct pp_substrate_node *n, pp_ns now);
void can_greet(struct pp_member *m, const struct pp_peer *to, struct pp_writer *w);
void can_greeted(struct pp_member *m, pp_ns now, struct pp_answer *answer);
/* Told of with a zone: asked when it would be a new neighbour. */
void can_hear(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
              struct can_zone zone, const struct pp_peer *teller);

/* join.c */
void can_activated(struct pp_member *m, pp_ns now);
void can_place(struct pp_member *m, pp_ns now, const struct pp_result *result);

/* route.c */
extern const struct pp_lookup_ops can_lookup_ops;
enum pp_covers can_covers(const struct pp_substrate_node *n, const struct pp_id *key, unsigned k);
void can_rank(const struct pp_substrate_node *n, const struct pp_id *key, uint8_t out[PP_RANK_LEN]);
void can_place_key(const struct pp_member *m, struct pp_id *key);
void can_merged(struct pp_member *m, pp_ns now, const struct pp_result *result);

/* repair.c */
void can_tick(struct pp_member *m, pp_ns now);
pp_ns can_next(const struct pp_member *m);
/* Something next to us changed: our faces are looked over soon. */
void can_faces_soon(struct pp_substrate_node *n, pp_ns now);

/* check.c, arrange.c */
void can_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink);
size_t can_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink);
void can_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now);

#endif
