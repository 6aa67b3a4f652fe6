/*
 * CAN (Ratnasamy et al. 2001) with zones as bit strings of the partition tree: the state of one
 * node and what the files of this folder call of each other.
 *
 * A node has one home, the zone by which it is near to keys or not, and may keep wards: zones of
 * dead neighbours, which it routes for until a joiner or a neighbour whom they complete takes them.
 * So a death changes nobody else's nearness. Of two who claim the same part the stronger claim
 * stays: a home before a ward, the deeper, the smaller id; at each point one claim never yields.
 *
 * Its neighbours are exactly the nodes with a zone that touches (or, in a dispute, overlaps) one of
 * its own, each known from its own word. What neighbours say of theirs is hearsay: it bounds holes,
 * ranks takers, shortens ways and settles `covers`, and is asked before it is believed.
 */
#ifndef CAN_H
#define CAN_H

#include "zone.h"

#include <common/member.h>

#define CAN_WIRE 2                   /* raise when the format changes */
#define CAN_KNOWN 64                 /* peers that a client or joiner remembers */
#define CAN_TAG_PROBE 1u             /* of a ping: it may have become a neighbour */
#define CAN_TOUCHING 256             /* neighbours, at most */
#define CAN_PLACE (2 * CAN_ZONE_LEN) /* with a peer in FIND: its home, its ward nearest the key */

enum can_kind {
    CAN_STATE = PP_WIRE_OWN, /* my zones, and my neighbours if you have not heard; reply: yours */
    CAN_JOIN,                /* let me in; reply: a zone, a referral or "busy" */
    CAN_GIVE,                /* take these zones; the reply accepts */
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
    struct can_heard *list;   /* its neighbours, as it told them */
    uint32_t version, listed; /* of its word, and of its list */
    uint32_t where;           /* its endpoint as it stands in our list, hashed */
    uint32_t stated;          /* when it last told its zones, in ticks of 2^24 ns */
    uint16_t n_list;
    uint8_t contradicted; /* it now tells an older version than we hold */
};

/* What a node says of itself. */
struct can_word {
    uint32_t have, version; /* have: the version of the listener's list that is known */
    struct can_zone zones[CAN_ZONES_MAX];
    uint8_t n;
    bool listed;
    struct pp_page list; /* neighbours, a zone with each */
};

struct pp_substrate_node {
    struct pp_member m; /* first */
    const struct pp_net *net;
    struct can_zones zones;
    struct pp_peerset near;               /* by id; before joining: whom we know */
    struct can_facts *facts;              /* one for each of `near` */
    pp_ns upkeep_at, faces_at, settle_at; /* settle_at: wards find a home */
    pp_ns granted_until;
    uint32_t version;
    uint8_t referrals;
    bool searching, giving;
    bool holed, searched; /* a hole is looked after; it was searched and nobody found */
    struct can_zone hole;
    pp_ns hole_at;                  /* it is our turn to see to it */
    struct can_zone granted, given; /* to the joiner; on offer to the taker */
    struct pp_id joiner, taker;
};

static inline struct pp_substrate_node *can_node(const struct pp_member *m)
{
    return (struct pp_substrate_node *)m;
}

static inline const struct pp_substrate_node *can_of(const struct pp_agent *a)
{
    return (const struct pp_substrate_node *)a;
}

/* claims.c: what is known of the space, as claims in order, and descents of the partition tree. */
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

/* Own zones, neighbours', what they say of others; false: out of memory. */
bool can_view_take(const struct pp_substrate_node *n, pp_ns now, struct can_view *view);
void can_view_sort(struct can_view *view);
/* First claim of [from, to) that is not before the zone. */
size_t can_view_lower(const struct can_view *view, size_t from, size_t to, struct can_zone zone);

struct can_walk {
    const struct can_view *view;
    bool (*enter)(void *ctx, struct can_zone zone); /* is anything within of interest? */
    void (*claim)(void *ctx, const struct can_claim *claim);
    void (*gap)(void *ctx, struct can_zone zone); /* nobody holds any of it */
    void *ctx;
};
void can_walk(const struct can_walk *walk);
/* Is the ball round the key up to the distance tiled by the view? */
bool can_ball_tiled(const struct can_space *space, const struct can_view *view,
                    const struct pp_id *key, uint64_t distance);
/* For `enter`, and first in the walk's ctx: may something within touch this zone from outside? */
struct can_faces {
    const struct can_space *space;
    struct can_zone zone;
};
bool can_faces_enter(void *faces, struct can_zone zone);

/* messages.c */
void can_write_zone(struct pp_writer *w, struct can_zone zone);
void can_read_zone(struct pp_reader *r, struct can_zone *zone);
/* Our word on these zones; `list`: with our neighbours, those first that touch one of the zones. */
void can_write_word(struct pp_writer *w, const struct pp_substrate_node *n, uint32_t have,
                    const struct can_zones *zones, bool list);
void can_write_list(struct pp_writer *w, const struct pp_substrate_node *n,
                    const struct can_zones *first);
bool can_read_word(struct pp_reader *r, struct can_word *word); /* false: malformed */

pp_request_fn can_on_find, can_on_state, can_on_join, can_on_give;

/* state.c */
size_t can_tables(const struct pp_member *m, struct pp_table out[PP_TABLES_MAX]);
struct can_facts *can_find(const struct pp_substrate_node *n, const struct pp_id *id);
bool can_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag);
void can_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag);
void can_forget(struct pp_member *m, pp_ns now, const struct pp_id *id);
void can_free(struct pp_member *m);
/* Our zones have changed: tells all neighbours and drops those that are none any more. */
void can_changed(struct pp_substrate_node *n, pp_ns now);
void can_greet(struct pp_member *m, const struct pp_peer *to, struct pp_writer *w);
void can_greeted(struct pp_member *m, pp_ns now, struct pp_answer *answer);

/* Peers that were told of with their zones: asked when they would be new neighbours. */
void can_hear(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
              struct can_zone zone, const struct pp_peer *teller);
void can_hear_page(struct pp_substrate_node *n, pp_ns now, const struct pp_page *page,
                   const struct pp_peer *teller);
/* A neighbour as another instance has it, and then its list: for arranging. */
void can_put(struct pp_substrate_node *n, const struct pp_substrate_node *other, pp_ns now);
void can_put_list(struct pp_substrate_node *n, const struct pp_substrate_node *other);

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
/* We keep a new ward: it waits for a joiner, or, where they pile up, is given away soon. */
void can_warded(struct pp_substrate_node *n, pp_ns now);
/* Something next to us changed: our faces are looked over soon. */
void can_faces_soon(struct pp_substrate_node *n, pp_ns now);
/* Does `a` come before `b` among the takers of a zone? */
bool can_taker_before(struct can_zone zone, struct can_zone a, const struct pp_id *a_id,
                      struct can_zone b, const struct pp_id *b_id);

/* give.c: leaving, and wards given to those whom they make whole. */
bool can_goodbye(struct pp_member *m, pp_ns now);
void can_settle(struct pp_substrate_node *n, pp_ns now);

/* check.c, arrange.c */
void can_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink);
size_t can_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink);
void can_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now);

#endif
