/*
 * Peers that are not in any table: candidates that we were told of and have yet to ask ourselves,
 * and the quarantine of those that did not answer, so that gossip does not bring the dead back.
 * Both bounded, both without memory while empty.
 */
#ifndef PP_COMMON_CACHE_H
#define PP_COMMON_CACHE_H

#include <peerpost/id.h>
#include <peerpost/now.h>

#define PP_CANDIDATES_MAX 256
#define PP_QUARANTINE_MAX 64
#define PP_QUARANTINE_FIRST (30 * PP_SECOND) /* doubled each time it does not answer again */
#define PP_QUARANTINE_TIME (5 * PP_MINUTE)   /* at most */

struct pp_candidate {
    struct pp_peer peer;
    uint32_t tag; /* the substrate's: why it was told */
};

struct pp_candidates {
    struct pp_candidate *at;
    uint16_t n, cap;
};

/* Queues one; told twice, the tags are united. false: full or out of memory. */
bool pp_candidates_add(struct pp_candidates *candidates, const struct pp_peer *peer, uint32_t tag);
/* Takes the first out. false: none. */
bool pp_candidates_take(struct pp_candidates *candidates, struct pp_candidate *out);
void pp_candidates_free(struct pp_candidates *candidates);

struct pp_quarantined {
    struct pp_id id;
    uint32_t until; /* in ticks of 2^24 ns */
    uint32_t strikes;
};

struct pp_quarantine {
    struct pp_quarantined *at;
    uint16_t n, cap;
};

/* The oldest gives way when it is full. */
void pp_quarantine_add(struct pp_quarantine *quarantine, const struct pp_id *id, pp_ns now);
bool pp_quarantine_has(const struct pp_quarantine *quarantine, const struct pp_id *id, pp_ns now);
/* It was heard after all. */
void pp_quarantine_lift(struct pp_quarantine *quarantine, const struct pp_id *id);
void pp_quarantine_free(struct pp_quarantine *quarantine);

#endif
