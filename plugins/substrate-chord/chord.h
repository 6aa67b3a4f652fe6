/*
 * Chord, corrected: the state of one node and what the files of this folder call of each other.
 * One file an act: join, route, repair, fingers, leave, merge; `state` alone changes the tables.
 *
 * Differences from Stoica et al. 2003, after Zave 2017: a joiner takes a whole list before it is
 * active; only peers that answered us stand in a table; a predecessor is replaced, never unset.
 * Ours besides: a predecessor list, lists that unite instead of replace (so two rings zip into
 * one), and every node whose lists hold a key's neighbourhood may answer for it, because the
 * members of the answer are asked for their predecessors.
 */
#ifndef CHORD_H
#define CHORD_H

#include <common/member.h>
#include <common/rounds.h>

#define CHORD_KNOWN_MAX 64 /* peers that a client or joiner remembers */

/* Why a candidate is pinged: bits of its tag. */
#define CHORD_LIST_S 0x1u  /* listed next to us clockwise: may lengthen S */
#define CHORD_LIST_P 0x2u  /* the same for P */
#define CHORD_DISPUTE 0x4u /* ours, but missing from our successor's list */

struct pp_net {
    const struct pp_substrate_host *host;
    unsigned r;
    pp_ns stabilise, refresh;
};

/* Entering: asks its successor to be let in, pings the list it was given, has it. */
enum chord_step { CHORD_ASKING, CHORD_LEARNING, CHORD_LISTED };

struct pp_substrate_node {
    struct pp_member m; /* first */
    const struct pp_net *net;
    struct pp_peerset s, p; /* successors clockwise, predecessors counter-clockwise */
    struct pp_peerset f;    /* distinct fingers beyond S; a client's or joiner's known peers */
    struct pp_id admitted;  /* who may come in just before us, until admitted_until */
    pp_ns admitted_until;
    pp_ns stabilise_at, last_stabilise, nudge_at;
    pp_ns introduce_at;       /* the next introduction that we follow */
    struct pp_rounds fingers; /* from the farthest inwards */
    uint8_t back_steps, step;
    bool stabilising;
};

static inline struct pp_substrate_node *chord_node(struct pp_member *m)
{
    return (struct pp_substrate_node *)m;
}

/* state.c */
struct pp_order chord_clockwise(const struct pp_substrate_node *n);
struct pp_order chord_counter(const struct pp_substrate_node *n);
bool chord_lone(const struct pp_substrate_node *n);
/* Does S alone hold the whole ring, so does P? */
bool chord_wrapped(const struct pp_substrate_node *n);
/* Do S and P together: does the one reach into the other? */
bool chord_whole(const struct pp_substrate_node *n);
/* S, P and F. */
size_t chord_tables(const struct pp_member *m, struct pp_table out[PP_TABLES_MAX]);
bool chord_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag);
void chord_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag);
void chord_forget(struct pp_member *m, pp_ns now, const struct pp_id *id);
void chord_suspected(struct pp_member *m, pp_ns now, const struct pp_id *id);

/* join.c */
void chord_place(struct pp_member *m, pp_ns now, const struct pp_result *result);
/* No candidate is out any more: is a join complete? */
void chord_settled(struct pp_member *m, pp_ns now);
void chord_activated(struct pp_member *m, pp_ns now);
pp_request_fn chord_on_join, chord_on_state;

/* route.c */
extern const struct pp_lookup_ops chord_lookup_ops;
/* The k closest to a key, if our lists hold its neighbourhood; else 0. */
size_t chord_closest(const struct pp_substrate_node *n, const struct pp_id *key, size_t k,
                     struct pp_peer *out);
pp_request_fn chord_on_find, chord_on_ping;
enum pp_covers chord_covers(const struct pp_substrate_node *n, const struct pp_id *key, unsigned k);
void chord_rank(const struct pp_substrate_node *n, const struct pp_id *key,
                uint8_t out[PP_RANK_LEN]);

/* repair.c */
/* Asks `peer` for a page of its S or P; what it lists becomes candidates with `tag`. */
void chord_fetch(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer, bool p,
                 uint8_t from, uint32_t tag);
/* The same for what follows a page, if something does. */
void chord_fetch_rest(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *peer, bool p,
                      const struct pp_page *page, uint32_t tag);
void chord_stabilise_soon(struct pp_substrate_node *n, pp_ns now);
void chord_repair_tick(struct pp_substrate_node *n, pp_ns now);
pp_request_fn chord_on_stabilise, chord_on_nudge, chord_on_introduce;
void chord_introduce(struct pp_substrate_node *n, const struct pp_peer *who,
                     const struct pp_peer *to);

/* fingers.c */
void chord_finger_offer(struct pp_substrate_node *n, const struct pp_entry *entry);
void chord_finger_prune(struct pp_substrate_node *n);
void chord_finger_tick(struct pp_substrate_node *n, pp_ns now);
unsigned chord_finger_low(const struct pp_substrate_node *n);
struct pp_id chord_finger_target(const struct pp_substrate_node *n, unsigned bit);

/* leave.c */
bool chord_goodbye(struct pp_member *m, pp_ns now);
pp_request_fn chord_on_leave;

/* merge.c */
bool chord_in_place(const struct pp_member *m, const struct pp_id *first);
void chord_merged(struct pp_member *m, pp_ns now, const struct pp_result *result);
/* All successors are lost: whoever else we know is asked for our place. */
void chord_rebuild(struct pp_substrate_node *n, pp_ns now);

/* check.c */
void chord_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink);
size_t chord_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink);
void chord_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now);

#endif
