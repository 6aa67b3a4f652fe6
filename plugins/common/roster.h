/*
 * A member whose tables are one list of proven peers in the order of a distance from its own id, of
 * which some run is its neighbourhood (kept whole and fresh) and the rest are contacts far away.
 * What such substrates share: the list as struct pp_member_ops and struct pp_lookup_ops see it, the
 * answer to FIND, the question to a neighbour for others. A substrate's struct pp_substrate_node
 * begins with a struct pp_roster.
 */
#ifndef PP_COMMON_ROSTER_H
#define PP_COMMON_ROSTER_H

#include <common/find.h>
#include <common/member.h>

#define PP_ROSTER_KNOWN 64 /* peers that a client or joiner remembers */

struct pp_roster;

struct pp_roster_kind {
    /* The list's order, from our id: no two ids tie. */
    struct pp_id (*own)(const struct pp_id *origin, const struct pp_id *id);
    /* Closeness to a key; ties go to the smaller id. */
    struct pp_id (*metric)(const struct pp_id *origin, const struct pp_id *id);
    /* The peer that routing goes by, whether or not it is among the nearest; may be NULL. */
    const struct pp_entry *(*next)(const struct pp_roster *r, const struct pp_id *key);
    /* A peer that may stand in our list and does not, once we enter or are a member. */
    void (*add)(struct pp_roster *r, pp_ns now, const struct pp_entry *entry);
    /* Is the entry of that index of our neighbourhood? */
    bool (*near)(const struct pp_roster *r, size_t index);
    /* Is a member's list the whole network, as far as it knows? */
    bool (*whole)(const struct pp_roster *r);
    /* A member has lost an entry. */
    void (*lost)(struct pp_roster *r, pp_ns now, const struct pp_id *id);
    bool suspects; /* whoever is overdue is still named to others, who ask for themselves */
};

struct pp_roster {
    struct pp_member m; /* first */
    const struct pp_roster_kind *kind;
    struct pp_peerset table;
    pp_ns ask_at, ask_wait; /* when a neighbour is asked for others; grows while nothing changes */
};

static inline struct pp_roster *pp_roster_of(struct pp_member *m)
{
    return (struct pp_roster *)m;
}

struct pp_order pp_roster_order(const struct pp_roster *r);

/* For struct pp_member_ops. */
struct pp_entry *pp_roster_entry(const struct pp_member *m, const struct pp_id *id);
size_t pp_roster_known(const struct pp_member *m);
size_t pp_roster_peers(const struct pp_member *m, struct pp_peer *out, size_t cap);
void pp_roster_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag);
void pp_roster_forget(struct pp_member *m, pp_ns now, const struct pp_id *id);
void pp_roster_free(struct pp_member *m);
#define PP_ROSTER_MEMBER_OPS                                                                       \
    .entry = pp_roster_entry, .known = pp_roster_known, .learn = pp_roster_learn,                  \
    .forget = pp_roster_forget, .free = pp_roster_free

/* The `max` (at most PP_PAGE_MAX) nearest to the key of all peers that may be named and, when
 * active, of ourselves; and the one to go by. */
size_t pp_roster_nearest(const struct pp_roster *r, const struct pp_id *key, size_t max,
                         struct pp_peer *out);
/* How many a reply or seed names for k: some more than asked, for some may have died unnoticed. */
size_t pp_roster_width(unsigned k);
/* Is `a` nearer to the key than `b`? */
bool pp_roster_nearer(const struct pp_roster *r, const struct pp_id *key, const struct pp_id *a,
                      const struct pp_id *b);
/* Peers known to be nearer to the key than we are; *sure: of these the unsuspected. */
size_t pp_roster_count_nearer(const struct pp_roster *r, const struct pp_id *key, size_t *sure);
/* Answers a FIND: "complete" when we are the nearest that we know. */
pp_request_fn pp_roster_on_find;

/* The descriptor's rank. */
void pp_roster_rank(const struct pp_substrate_node *n, const struct pp_id *key,
                    uint8_t out[PP_RANK_LEN]);
/* For struct pp_lookup_ops; the rule that all must answer. */
void pp_roster_rank_peer(const struct pp_agent *a, const struct pp_id *key,
                         const struct pp_peer *peer, const uint8_t *extra,
                         uint8_t out[PP_RANK_LEN]);
void pp_roster_seed(struct pp_agent *a, pp_ns now, struct pp_lookup *l);
#define PP_ROSTER_LOOKUP_OPS                                                                       \
    .rank = pp_roster_rank_peer, .seed = pp_roster_seed, PP_MEMBER_LOOKUP_OPS

/* Pings an entry not heard for `age`, unless it is being pinged; true if it did. */
bool pp_roster_ping_silent(struct pp_roster *r, pp_ns now, const struct pp_entry *entry, pp_ns age);
/* Asks a peer whom it knows near `key`; those named become candidates. */
void pp_roster_ask(struct pp_roster *r, pp_ns now, const struct pp_entry *whom,
                   const struct pp_id *key);
/* The neighbourhood changed: ask soon. */
void pp_roster_ask_soon(struct pp_roster *r, pp_ns now);
/* Is it time to ask? Sets the next time: the wait doubles up to `longest`. */
bool pp_roster_ask_due(struct pp_roster *r, pp_ns now, pp_ns longest);

#endif
