/*
 * CAN (Ratnasamy et al. 2001) with zones as bit strings of the partition tree: the state of one
 * node and what the files of this folder call of each other.
 *
 * A node holds zones: one in quiet times, more after takeovers. Its neighbours are exactly the
 * nodes with a zone that touches (or, in a dispute, overlaps) one of its own, each known from its
 * own word. What neighbours say of theirs is hearsay: it bounds holes, ranks takers and settles
 * `covers`, and is asked before it is believed.
 */
#ifndef CAN_H
#define CAN_H

#include "zone.h"

#include <common/member.h>

#define CAN_WIRE 1        /* raise when the format changes */
#define CAN_KNOWN 64      /* peers that a client or joiner remembers */
#define CAN_SEEN 64       /* answers of others than neighbours that are remembered */
#define CAN_GAPS 8        /* holes looked after at a time */
#define CAN_TAG_PROBE 1u  /* of a ping: it may have become a neighbour */
#define CAN_TOUCHING 256  /* neighbours, at most */
#define CAN_LIST_MAX 1024 /* hearsay of one neighbour */

enum can_kind {
    CAN_STATE = PP_WIRE_OWN, /* my zones; the reply: yours */
    CAN_LIST,                /* your neighbours, from an index on */
    CAN_JOIN,                /* let me in: offer, referral or "busy" */
    CAN_ACCEPT,              /* I take what was offered; the reply commits */
    CAN_HANDOVER,            /* take these zones; the reply accepts */
    CAN_LEAVE,               /* I am gone; no reply */
    CAN_KINDS
};

struct pp_net {
    const struct pp_substrate_host *host;
    struct can_space space;
    bool uniform, shortcuts;
    pp_ns update;
};

/* Told by another, or answered in passing. */
struct can_heard {
    struct pp_peer peer;
    struct can_zone zone;
};

struct can_neighbour {
    struct pp_entry entry; /* first */
    struct can_zones zones;
    struct can_heard *list; /* its neighbours, as it told them */
    uint32_t version, list_version;
    uint32_t where;  /* its endpoint as it stands in our list, hashed */
    uint32_t stated; /* when it last told its zones, in ticks of 2^24 ns */
    uint16_t n_list;
    uint8_t contradicted; /* it now tells an older version than we hold */
    bool listed;
};

/* What a node says of itself. */
struct can_state {
    struct can_zone zones[CAN_ZONES_MAX];
    uint32_t version, list_version;
    uint8_t n;
};

/* A part of the space next to us that nobody is known to hold. */
struct can_gap {
    struct can_zone zone;
    pp_ns due;
    bool searched, there;
};

/* What was offered to a joiner. */
struct can_grant {
    struct pp_peer peer;
    struct can_zone zone;
    pp_ns until;
    bool accepted;
};

struct pp_substrate_node {
    struct pp_member m; /* first */
    const struct pp_net *net;
    struct can_zones zones;
    struct can_neighbour *at; /* by id; before joining: whom we know */
    struct can_heard *seen;
    struct can_gap *gaps;
    struct can_grant grant;
    pp_ns upkeep_at, faces_at, defrag_at;
    uint32_t version, list_version;
    uint16_t n, cap, n_seen, next_seen;
    uint8_t n_gaps, referrals, attempt; /* attempt: takers that did not take */
    bool searching, handing;
    struct can_zone sought, handed; /* the hole searched; the zone being handed over */
    struct pp_id taker;
};

static inline struct pp_substrate_node *can_node(struct pp_member *m)
{
    return (struct pp_substrate_node *)m;
}

static inline const struct pp_substrate_node *can_of(const struct pp_agent *a)
{
    return (const struct pp_substrate_node *)a;
}

/* walk.c: what is known of the space, as claims in order, and descents of the partition tree. */
enum can_source { CAN_OWN, CAN_TABLE, CAN_ANSWERED, CAN_HEARSAY };

struct can_claim {
    struct can_zone zone;
    enum can_source source;
    const struct pp_peer *peer;
};

struct can_view {
    struct can_claim *at;
    size_t n;
};

/* Own zones, neighbours', what they say, what has answered; false: out of memory. */
bool can_view_take(const struct pp_substrate_node *n, pp_ns now, struct can_view *view);
void can_view_sort(struct can_view *view);

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
struct can_handover {
    struct can_state state;
    struct pp_page page;
};
void can_write_zone(struct pp_writer *w, struct can_zone zone);
void can_read_zone(struct pp_reader *r, struct can_zone *zone);
void can_write_state(struct pp_writer *w, const struct pp_substrate_node *n);
int can_read_state(struct pp_reader *r, struct can_state *state);
/* false: malformed. */
bool can_read_handover(struct pp_reader *r, struct can_handover *handover);
/* Neighbours with their zones from index `from` on, those first that touch `zone` (or NULL). */
void can_write_list(struct pp_writer *w, const struct pp_substrate_node *n, size_t from,
                    const struct can_zone *zone);

/* state.c */
struct can_neighbour *can_find(const struct pp_substrate_node *n, const struct pp_id *id);
const struct can_heard *can_seen(const struct pp_substrate_node *n, const struct pp_id *id);
void can_see(struct pp_substrate_node *n, const struct pp_peer *peer, struct can_zone zone);
struct pp_entry *can_entry(const struct pp_member *m, const struct pp_id *id);
bool can_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag);
void can_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag);
void can_forget(struct pp_member *m, pp_ns now, const struct pp_id *id);
size_t can_known(const struct pp_member *m);
size_t can_peers(const struct pp_member *m, struct pp_peer *out, size_t cap);
void can_free(struct pp_member *m);
/* A peer's own word on its zones. replied: it answers a request of ours. */
void can_take_state(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
                    const struct can_state *state, bool replied);
/* Our zones have changed: tells all neighbours and drops those that are none any more. */
void can_changed(struct pp_substrate_node *n, pp_ns now);
void can_greet(struct pp_member *m, const struct pp_peer *to, struct pp_writer *w);
void can_greeted(struct pp_member *m, pp_ns now, struct pp_answer *answer);
void can_on_state(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                  const struct pp_header *header, struct pp_reader *body, bool proved);
/* A peer that was told of with this zone: asked when it would be a new neighbour. */
void can_hear(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer,
              struct can_zone zone, const struct pp_peer *teller);
/* The same for a page of peers and zones. */
void can_hear_page(struct pp_substrate_node *n, pp_ns now, const struct pp_page *page,
                   const struct pp_peer *teller);

/* join.c */
void can_activated(struct pp_member *m, pp_ns now);
void can_place(struct pp_member *m, pp_ns now, const struct pp_result *result);
void can_on_join(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                 const struct pp_header *header, struct pp_reader *body);
void can_on_accept(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                   const struct pp_header *header, struct pp_reader *body);
/* Is this part of the space promised to a joiner who is about to take it? */
bool can_promised(const struct pp_substrate_node *n, pp_ns now, struct can_zone zone);

/* route.c */
extern const struct pp_lookup_ops can_lookup_ops;
void can_on_find(struct pp_substrate_node *n, const struct pp_rx *rx,
                 const struct pp_header *header, struct pp_reader *body);
enum pp_covers can_covers(const struct pp_substrate_node *n, const struct pp_id *key, unsigned k);
void can_rank(const struct pp_substrate_node *n, const struct pp_id *key, uint8_t out[PP_RANK_LEN]);
void can_place_key(const struct pp_member *m, struct pp_id *key);
void can_merged(struct pp_member *m, pp_ns now, const struct pp_result *result);

/* repair.c */
void can_tick(struct pp_member *m, pp_ns now);
pp_ns can_next(const struct pp_member *m);
/* Something next to us changed: our faces are looked over soon. */
void can_faces_soon(struct pp_substrate_node *n, pp_ns now);
/* Does `a` come before `b` among the takers of a hole? */
bool can_taker_before(struct can_zone hole, struct can_zone a, const struct pp_id *a_id,
                      struct can_zone b, const struct pp_id *b_id);
void can_pull_list(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer, size_t from);
void can_on_list(struct pp_substrate_node *n, const struct pp_rx *rx,
                 const struct pp_header *header, struct pp_reader *body);

/* handover.c: leaving, and giving extra zones to those whom they complete. */
bool can_goodbye(struct pp_member *m, pp_ns now);
void can_defragment(struct pp_substrate_node *n, pp_ns now);
void can_on_handover(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                     const struct pp_header *header, struct pp_reader *body);

/* A neighbour as another instance has it: for arranging. */
void can_put(struct pp_substrate_node *n, const struct pp_substrate_node *other, pp_ns now);

/* check.c, arrange.c */
void can_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink);
size_t can_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink);
void can_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now);

#endif
