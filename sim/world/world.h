/*
 * A virtual-time world: thousands of instances of one substrate's shared object, a network of
 * latency, loss, duplication and partitions between them, and an oracle that knows the truth. Plays
 * core's part around a substrate (proven senders, remembered peers, merging) and nothing else: no
 * socket, no real clock. The same seed and the same calls give the same run, octet for octet.
 */
#ifndef PP_SIM_WORLD_WORLD_H
#define PP_SIM_WORLD_WORLD_H

#include <peerpost/substrate.h>
#include <sim/world/prng.h>

struct pp_world;

struct pp_world_options {
    const struct pp_substrate *plugin;
    const union pp_value *values; /* NULL: every option at its default */
    uint64_t seed;
    pp_ns latency_min, latency_max; /* one way, uniform; 0, 0: 10 to 90 ms */
    uint32_t loss, duplicate;       /* per million datagrams */
    pp_ns merge_period;             /* core's T_merge, 0: 5 min */
    bool no_memory;                 /* hosts remember no peers and never merge */
    /* Sees every datagram that is sent (drop: what the network decided), or NULL. */
    void (*trace)(void *ctx, pp_ns at, size_t from, size_t to, struct pp_bytes payload, bool drop);
    void *trace_ctx;
    /* May put other octets in the place of a datagram that is sent, as a member that lies does:
     * writes at most PP_PAYLOAD_MAX of them and returns how many; 0: leaves it. Or NULL. */
    size_t (*forge)(void *ctx, size_t from, struct pp_bytes payload, uint8_t out[PP_PAYLOAD_MAX]);
    void *forge_ctx;
};

/* Loads build/<preset>/plugins/substrate-NAME.so of PEERPOST_PLUGINS; NULL after a word on stderr.
 * The object stays loaded. */
const struct pp_substrate *pp_world_plugin(const char *name);
/* Values of a plugin's options: the defaults, then "name=value" settings (NULL-terminated list of
 * strings, or NULL). The array is malloc'ed. NULL: an unknown name, a malformed value or one out
 * of its range. */
union pp_value *pp_world_values(const struct pp_plugin *plugin, const char *const *settings);

struct pp_world *pp_world_create(const struct pp_world_options *options);
void pp_world_destroy(struct pp_world *w);
pp_ns pp_world_now(const struct pp_world *w);
struct pp_prng *pp_world_prng(struct pp_world *w);
void pp_world_set_loss(struct pp_world *w, uint32_t loss, uint32_t duplicate);

/* Nodes are numbered from 0 and keep number, id and address for ever. */
size_t pp_world_add(struct pp_world *w, enum pp_role role);
size_t pp_world_add_at(struct pp_world *w, enum pp_role role, const struct pp_id *id);
size_t pp_world_count(const struct pp_world *w);
void pp_world_found(struct pp_world *w, size_t node); /* meet with no contact */
void pp_world_meet(struct pp_world *w, size_t node, const size_t *contacts, size_t n);
void pp_world_leave(struct pp_world *w, size_t node, pp_ns until);
void pp_world_kill(struct pp_world *w, size_t node);
/* A new instance under the old id, which has met nobody yet (its remembered peers stay). */
void pp_world_restart(struct pp_world *w, size_t node);
/* Meets up to n of the peers it remembers; false when it remembers none. */
bool pp_world_rejoin(struct pp_world *w, size_t node, size_t n);
void pp_world_move(struct pp_world *w, size_t node); /* a new address */
/* Only nodes on equal sides hear each other; everyone starts on side 0. */
void pp_world_side(struct pp_world *w, size_t node, int side);
/* Puts every living member's tables as after long quiet. */
void pp_world_arrange(struct pp_world *w);

bool pp_world_alive(const struct pp_world *w, size_t node);
bool pp_world_active(const struct pp_world *w, size_t node); /* alive, ACTIVE or DEGRADED */
enum pp_state pp_world_state(const struct pp_world *w, size_t node);
const struct pp_peer *pp_world_peer(const struct pp_world *w, size_t node);
struct pp_substrate_node *pp_world_instance(const struct pp_world *w, size_t node);
/* The node at this endpoint, or SIZE_MAX. */
size_t pp_world_at(const struct pp_world *w, const struct pp_peer *peer);
/* Octets out of nowhere, for hostile datagrams. */
void pp_world_inject(struct pp_world *w, size_t from, size_t to, struct pp_bytes payload);

void pp_world_run(struct pp_world *w, pp_ns duration);
bool pp_world_step(struct pp_world *w); /* one event; false: nothing will ever happen */
/* Runs until every living member is active or `limit` has passed; true in the first case. */
bool pp_world_settle(struct pp_world *w, pp_ns limit);

/* Look-ups. `fn` comes from a later run or step. */
typedef void pp_world_found_fn(void *ctx, const struct pp_result *result);
int pp_world_lookup(struct pp_world *w, size_t node, const struct pp_id *key, unsigned k,
                    unsigned paths, pp_world_found_fn *fn, void *ctx);
/* The oracle: the k living active nodes closest to key by `rank`, best first; how many. */
size_t pp_world_closest(const struct pp_world *w, const struct pp_id *key, unsigned k,
                        size_t out[PP_K_MAX]);

/* How far this answer to a look-up asked at `asked_at` is right now, at best k: its peers up to the
 * first that is not the oracle's next. Whoever became active or ceased to be so since then is right
 * in the answer and out of it (PP_NEVER: nobody did). An answer with too few is right as far as it
 * goes. */
size_t pp_world_right(const struct pp_world *w, const struct pp_id *key, unsigned k, pp_ns asked_at,
                      const struct pp_peer *peers, size_t n_peers);

struct pp_world_verdict {
    size_t asked, exact, wrong, failed; /* failed: no result or an error */
    uint64_t hops, messages, timeouts;  /* sums over those not failed */
    pp_ns elapsed;                      /* sum of their durations */
    char first[256];                    /* the first wrong or failed one in words */
};
/* n look-ups of random keys from random active nodes, all at once, compared with the oracle as it
 * stands when each is answered. */
void pp_world_verify(struct pp_world *w, size_t n, unsigned k, struct pp_world_verdict *v);
/* Global invariants; on the side of `node` only when side >= 0. One line a breach. */
size_t pp_world_check(struct pp_world *w, int side, const struct pp_sink *sink);
/* Nodes that say NO to a key although they are one of its k closest: must be none. */
size_t pp_world_false_no(struct pp_world *w, size_t keys, unsigned k);

struct pp_world_counts {
    uint64_t sent, delivered, octets, lost, blocked, events;
};
struct pp_world_counts pp_world_counts(const struct pp_world *w);

#endif
