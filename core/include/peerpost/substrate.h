/*
 * The contract between core and a DHT substrate. A substrate is sans-IO: it has no socket, clock,
 * thread, global, crypto or randomness of its own. Time is an argument, datagrams go out through
 * `send`, one deadline comes back from `next`. The same calls with the same seed give the same
 * sends, byte for byte, so the same shared object runs in a node, in a user agent (CLIENT) and a
 * million times in a simulator.
 *
 * Ground rules
 * - Bytes, peers and results are lent for the call, both ways.
 * - Host callbacks run only inside meet, move, leave, receive and tick (`lookup` may only call
 *   `send`), and never re-enter the substrate: the host notes, returns, and acts later. What a
 *   lookup can answer at once comes from the next `tick` (so `next` is then the past).
 * - A token is the asker's; an accepted look-up comes back once; none comes back after `cancel`.
 * - Octets received are hostile: whatever comes, an instance stays whole.
 * - One thread at a time per node; a net is immutable and shared by threads.
 * - Source: Dabek et al. 2003 (lookup(key, k)); Kangasharju et al. 2003, section 2.1.
 */
#ifndef PEERPOST_SUBSTRATE_H
#define PEERPOST_SUBSTRATE_H

#include <peerpost/plugin.h>

#define PP_SUBSTRATE_ABI PP_ABI(PP_KIND_SUBSTRATE, 1)
#define PP_PAYLOAD_MAX 1120 /* octets of a substrate's datagram; core's envelope adds 80 */
#define PP_RANK_LEN 40

struct pp_net;            /* a plugin's: parsed options, shared by all instances of a process */
struct pp_substrate_node; /* a plugin's: one instance */

enum pp_role {
    PP_MEMBER, /* has an id, answers, stands in others' tables */
    PP_CLIENT  /* asks only; never enters anyone's tables */
};

enum pp_state {
    PP_JOINING,  /* not yet active */
    PP_ACTIVE,   /* whole */
    PP_DEGRADED, /* works, with a fault that the text names */
    PP_ALONE,    /* reaches nobody it was told of; core tries other contacts */
    PP_REFUSED,  /* its id is in use elsewhere */
    PP_LEFT      /* gone, at the latest at leave's `until` */
};

/* Facts that core's envelope proved of a datagram's sender. The address always is. */
#define PP_ID_PROVED 0x1u /* the sender holds the key of from.id; only such peers enter a table */
#define PP_SLOW 0x2u      /* a handshake lies in this round trip: no RTT sample */

struct pp_rx {
    struct pp_peer from;
    uint32_t facts;
};

#define PP_LOOKUP_TRACE 0x1u /* fill in result.path */

struct pp_result {
    int code;                    /* PP_OK, PP_TIMEOUT, PP_OFFLINE, PP_UNREACHABLE */
    const char *reason;          /* why not, for people; NULL with PP_OK */
    const struct pp_peer *peers; /* the k closest, closest first, self where due */
    size_t n_peers;
    const struct pp_peer *path; /* with TRACE: who referred us, first to last */
    size_t n_path;
    uint64_t spacing;  /* mean gap of these k ids in 2^-64 of the id space; 0: unknown */
    uint16_t hops;     /* referrals from the asker's own table to the complete answer */
    uint16_t messages; /* requests sent, retries too */
    uint16_t timeouts; /* requests that got no reply in time */
};

/* What a substrate asks of its host. ctx is the pointer given at `create`. */
struct pp_substrate_host {
    /* Queues one datagram of at most PP_PAYLOAD_MAX octets; it may be lost. to->id may be zero. */
    void (*send)(void *ctx, const struct pp_peer *to, struct pp_bytes payload);
    void (*found)(void *ctx, uint64_t token, const struct pp_result *result);
    void (*state)(void *ctx, enum pp_state state, const char *text);
    void (*log)(void *ctx, int level, const char *text); /* level: enum pp_log_level, 0 error.. */
};

enum pp_covers { PP_COVERS_UNKNOWN = 0, PP_COVERS_YES = 1, PP_COVERS_NO = 2 };

struct pp_substrate {
    struct pp_plugin plugin;
    uint32_t wire; /* number of the wire format; part of the network hash */

    /* Once per process, network. `options` in the order of plugin.options. ! PP_CONFIG, PP_NOMEM */
    int (*open)(struct pp_net **net, const union pp_value *options,
                const struct pp_substrate_host *host, struct pp_error *error);
    void (*close)(struct pp_net *net); /* after all its nodes */

    /* self: id (zero for a client) and endpoint. The seed keys the instance's only randomness. */
    struct pp_substrate_node *(*create)(struct pp_net *net, void *ctx, enum pp_role role,
                                        const struct pp_peer *self, const uint8_t seed[16]);
    void (*destroy)(struct pp_substrate_node *node); /* sends nothing: the crash */

    /* n = 0: found a network. Inactive: join through these. Active: merge if they know nearer
     * nodes (free for a contact that stands in a table). Contacts may have id zero. */
    void (*meet)(struct pp_substrate_node *node, pp_ns now, const struct pp_peer *contacts,
                 size_t n);
    /* Same id, new endpoint: tells all known peers, paced; tables stay. */
    void (*move)(struct pp_substrate_node *node, pp_ns now, const struct pp_peer *self);
    /* Hands over and ends by `until`; running look-ups fail now. */
    void (*leave)(struct pp_substrate_node *node, pp_ns now, pp_ns until);

    void (*receive)(struct pp_substrate_node *node, pp_ns now, const struct pp_rx *rx,
                    struct pp_bytes payload);
    void (*tick)(struct pp_substrate_node *node, pp_ns now);
    pp_ns (*next)(const struct pp_substrate_node *node); /* deadline; PP_NEVER */

    /* k 1..32; paths >= 1 disjoint first hops; flags PP_LOOKUP_*. ! PP_BUSY, PP_OFFLINE */
    int (*lookup)(struct pp_substrate_node *node, pp_ns now, const struct pp_id *key, unsigned k,
                  unsigned paths, unsigned flags, uint64_t token);
    void (*cancel)(struct pp_substrate_node *node, uint64_t token);

    /* Is this node one of the k closest to key? Sends nothing. NO only when certain. */
    enum pp_covers (*covers)(const struct pp_substrate_node *node, const struct pp_id *key,
                             unsigned k);
    /* This node's closeness to key: memcmp order of the 40 octets, smallest first. The oracle. */
    void (*rank)(const struct pp_substrate_node *node, const struct pp_id *key,
                 uint8_t out[PP_RANK_LEN]);

    /* Tables as lines of text, for people and the status page. */
    void (*snapshot)(const struct pp_substrate_node *node, const struct pp_sink *sink);
    /* Invariants: n = 1 local ones; more: all active nodes of a network, global ones too. One line
     * a breach; returns their number. */
    size_t (*check)(struct pp_substrate_node *const *nodes, size_t n, const struct pp_sink *sink);
    /* Simulator only: every table as after long quiet, all nodes active. O(n log n). */
    void (*arrange)(struct pp_substrate_node *const *nodes, size_t n, pp_ns now);
    /* One datagram in words, for traces; no instance. Always terminated. */
    void (*describe)(struct pp_bytes payload, char *text, size_t cap);
};

#endif
