/*
 * Kademlia (Maymounkov and Mazieres 2002): the state of one node and what the files of this folder
 * call of each other.
 *
 * The whole table is one list in the order of XOR distance from us. Its first `s` entries are the
 * sibling list (all nodes nearest to us, kept fresh); beyond them each bucket (one length of
 * shared prefix: a contiguous run of the list) holds at most `bucket` contacts. Every peer in it
 * has itself answered or asked us; an old live contact is never displaced by a new one.
 */
#ifndef KADEMLIA_H
#define KADEMLIA_H

#include <common/member.h>

#define KADEMLIA_WIRE 1            /* raise when the format changes */
#define KADEMLIA_KNOWN 64          /* peers that a client or joiner remembers */
#define KADEMLIA_LEAVE PP_WIRE_OWN /* LEAVE: no content, no reply */

struct pp_net {
    const struct pp_substrate_host *host;
    unsigned bucket, siblings;
    pp_ns ping, refresh;
};

struct pp_substrate_node {
    struct pp_member m; /* first */
    const struct pp_net *net;
    struct pp_peerset table;
    pp_ns upkeep_at, ask_at, refresh_at;
    pp_ns ask_wait;           /* grows from seconds to the period after a change */
    uint8_t bucket, deepest;  /* the next to be refreshed; the deepest beyond the siblings */
    bool first_pass, looking; /* buckets are being filled after joining; a refresh is out */
};

static inline struct pp_substrate_node *kademlia_node(struct pp_member *m)
{
    return (struct pp_substrate_node *)m;
}

static inline const struct pp_substrate_node *kademlia_of(const struct pp_agent *a)
{
    return (const struct pp_substrate_node *)a;
}

/* table.c */
struct pp_order kademlia_order(const struct pp_substrate_node *n);
/* A run of the list: entries [from, to) beyond the siblings that share `bits` bits with us. */
void kademlia_bucket(const struct pp_substrate_node *n, unsigned bits, size_t *from, size_t *to);
/* Cuts a bucket to its size: a new sibling pushes an old one into it. */
void kademlia_trim(struct pp_substrate_node *n, pp_ns now, unsigned bits);
struct pp_entry *kademlia_entry(const struct pp_member *m, const struct pp_id *id);
bool kademlia_wanted(const struct pp_member *m, const struct pp_id *id, uint32_t tag);
void kademlia_learn(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag);
void kademlia_forget(struct pp_member *m, pp_ns now, const struct pp_id *id);
size_t kademlia_known(const struct pp_member *m);
size_t kademlia_peers(const struct pp_member *m, struct pp_peer *out, size_t cap);
void kademlia_free(struct pp_member *m);

/* route.c */
extern const struct pp_lookup_ops kademlia_lookup_ops;
void kademlia_on_find(struct pp_substrate_node *n, const struct pp_rx *rx,
                      const struct pp_header *header, struct pp_reader *body);
enum pp_covers kademlia_covers(const struct pp_substrate_node *n, const struct pp_id *key,
                               unsigned k);
void kademlia_rank(const struct pp_substrate_node *n, const struct pp_id *key,
                   uint8_t out[PP_RANK_LEN]);

/* upkeep.c */
void kademlia_activated(struct pp_member *m, pp_ns now);
void kademlia_place(struct pp_member *m, pp_ns now, const struct pp_result *result);
void kademlia_tick(struct pp_member *m, pp_ns now);
pp_ns kademlia_next(const struct pp_member *m);
/* Looks into every bucket, one after the other: after joining, or when the siblings no longer hold
 * the whole network. */
void kademlia_fill(struct pp_substrate_node *n, pp_ns now);
/* The sibling list changed: ask a sibling soon whom it knows near us. */
void kademlia_ask_soon(struct pp_substrate_node *n, pp_ns now);

/* leave.c */
bool kademlia_goodbye(struct pp_member *m, pp_ns now);

/* check.c */
void kademlia_snapshot(const struct pp_substrate_node *n, const struct pp_sink *sink);
size_t kademlia_check(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink);
void kademlia_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now);

#endif
