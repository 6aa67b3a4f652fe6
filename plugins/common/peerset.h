/*
 * A table of peers that have themselves answered us, nearest first (ties: the smaller id) by an
 * order that the caller gives at each call, and what is known of each: round trip and when it was
 * last heard. 48 octets an entry, none while empty. Knows no protocol and sends nothing.
 */
#ifndef PP_COMMON_PEERSET_H
#define PP_COMMON_PEERSET_H

#include <common/order.h>
#include <peerpost/now.h>

#define PP_ENTRY_SUSPECT 0x01u /* a reply is overdue: not passed on, gone round */

struct pp_entry {
    struct pp_peer peer;
    uint32_t seen;  /* when last heard, in ticks of 2^24 ns; wraps after 800 days */
    uint16_t rtt;   /* smoothed, in 1/8 ms; 0: not measured */
    uint8_t rttvar; /* in 4 ms */
    uint8_t flags;
};
_Static_assert(sizeof(struct pp_entry) == 48, "an entry is 48 octets");

struct pp_peerset {
    struct pp_entry *at;
    uint16_t n, cap;
};

void pp_peerset_free(struct pp_peerset *set);
/* Index of an id, or -1. */
int pp_peerset_find(const struct pp_peerset *set, const struct pp_order *order,
                    const struct pp_id *id);
/* Index at which an id stands or would stand. */
size_t pp_peerset_place(const struct pp_peerset *set, const struct pp_order *order,
                        const struct pp_id *id);
/* Puts an entry in its place; a set of `max` loses its farthest. Returns its index; -1: it is the
 * farthest of a full set, stands there already, or memory is out. */
int pp_peerset_insert(struct pp_peerset *set, const struct pp_order *order, size_t max,
                      const struct pp_entry *entry);
void pp_peerset_remove(struct pp_peerset *set, size_t index);
/* Copies the peers, those under suspicion left out; returns how many. */
size_t pp_peerset_peers(const struct pp_peerset *set, struct pp_peer *out, size_t cap);
/* Index of the entry not heard for the longest; -1 when empty. */
int pp_peerset_oldest(const struct pp_peerset *set, pp_ns now);
/* A memory of peers: of `max`, the one not heard for the longest gives way to a new one. */
void pp_peerset_remember(struct pp_peerset *set, const struct pp_order *order, size_t max,
                         const struct pp_peer *peer, pp_ns now);
/* How many are nearer to the order's origin than `id`; *sure: of these the unsuspected. */
size_t pp_peerset_nearer(const struct pp_peerset *set, const struct pp_order *order,
                         const struct pp_id *id, size_t *sure);
/* Is this the nearest? */
bool pp_peerset_first_is(const struct pp_peerset *set, const struct pp_id *id);
/* Digest of the first `max` (at most PP_K_MAX) ids of: `head` (or NULL), then the unsuspected ones
 * before `stop` (or NULL): two nodes' lists compared in 8 octets. */
uint64_t pp_peerset_digest(const struct pp_peerset *set, size_t max, const struct pp_id *head,
                           const struct pp_id *stop);

/* An entry for a peer just heard. */
struct pp_entry pp_entry_now(const struct pp_peer *peer, pp_ns now);
/* Time since it was last heard, to 17 ms. */
pp_ns pp_entry_age(const struct pp_entry *entry, pp_ns now);
/* Heard now; rtt: a sample, or 0 for none (retransmitted, or a handshake lay in it). */
void pp_entry_heard(struct pp_entry *entry, pp_ns now, pp_ns rtt);
/* Retransmission time-out of RFC 6298, section 2, with our floor of 200 ms and cap of 8 s; NULL or
 * unmeasured: 1 s. */
pp_ns pp_entry_rto(const struct pp_entry *entry);

#endif
