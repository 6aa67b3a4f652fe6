/*
 * The iterative look-up that all substrates share. The asker keeps a list of peers in the order of
 * closeness, asks `alpha` at a time, goes round whoever is late, and ends only when each of the k
 * peers it returns has itself answered. What differs between substrates stands in struct
 * pp_lookup_ops: the order, the stop rule, the own tables.
 *
 * Two stop rules. root: a reply "complete" names the answer, whose peers are then pinged (Chord).
 * Otherwise the k closest known must all have answered a FIND (CAN, Kademlia, Pastry, Tapestry): a
 * few at a time on the way, all at once where the key lies. A client that heard all k within
 * PP_LOOKUP_FRESH is content when the nearest of them names the same k.
 * A ping's reply may name a peer that stands nearer to the key: it is pinged too, so a hole in the
 * answerer's table is found by the answer's own members.
 */
#ifndef PP_COMMON_LOOKUP_H
#define PP_COMMON_LOOKUP_H

#include <common/agent.h>
#include <common/find.h>

#define PP_LOOKUP_ALPHA 3
#define PP_LOOKUP_EAGER 8 /* given contacts are tried so many at a time until one answers */
#define PP_LOOKUP_TIME (20 * PP_SECOND)
#define PP_LOOKUP_FRESH (10 * PP_SECOND) /* a peer heard so lately needs no ping */
#define PP_LOOKUP_BEYOND_MAX 80
#define PP_LOOKUP_PEERS_MAX 256
#define PP_LOOKUP_NAMED_MAX 8 /* peers that a ping's reply may name */
#define PP_LOOKUP_PATHS_MAX 8
#define PP_LOOKUPS_MAX 1024

enum pp_ask_state {
    PP_ASK_NEW,
    PP_ASK_SENT,
    PP_ASK_LATE, /* overdue: no longer waited for by the routing, but not yet dead */
    PP_ASK_ANSWERED,
    PP_ASK_FAILED
};

struct pp_lookup_peer {
    struct pp_peer peer, told; /* told: what another said of it while it was silent */
    uint8_t rank[PP_RANK_LEN];
    uint8_t extra[PP_EXTRA_MAX];
    uint16_t serial, via; /* via: serial of who referred us; 0: own table */
    uint8_t state, depth, path;
    uint16_t voucher; /* serial of the nearest that named it (without root) */
    bool vouched;     /* root: a member of the answer, next to it, named it */
    bool revived;
    bool doubted;  /* given up before: asked only when others name it as one that lives */
    bool fresh;    /* taken unasked, as heard lately */
    bool pinged;   /* so it has told whom it knows beside it */
    bool result;   /* named as part of the answer */
    bool inactive; /* answers, but is no active member */
    bool extended; /* asked for what follows it */
};

struct pp_lookup;
/* Told once, from receive or tick. The result is lent. */
typedef void pp_lookup_fn(struct pp_agent *agent, pp_ns now, const struct pp_lookup *lookup,
                          const struct pp_result *result);

struct pp_lookup {
    struct pp_lookup *next;
    pp_lookup_fn *done; /* NULL: the host's `found` */
    uint64_t token;
    pp_ns deadline;
    struct pp_id key;
    struct pp_lookup_peer *at; /* nearest first by rank */
    const char *reason;
    int code;
    uint16_t n, cap, serial, complete; /* complete: serial of who gave the answer */
    uint16_t hops, messages, timeouts;
    uint8_t k, paths, flags, ended; /* ended: a bit a path */
    uint8_t beyond;                 /* asked though not among the k closest */
    bool routed, finished, answered, eager;
    bool hasty; /* a client asks */
    bool whole; /* our own tables hold the whole network, as far as we know */
};

struct pp_lookup_ops {
    bool root;     /* the stop rule */
    bool reversed; /* the best to ask next has the greatest rank (Chord: its last before the key) */
    uint8_t extra_len;
    void (*rank)(const struct pp_agent *agent, const struct pp_id *key, const struct pp_peer *peer,
                 const uint8_t *extra, uint8_t out[PP_RANK_LEN]);
    /* Offers from the own tables; may set `routed` when they hold the answer. */
    void (*seed)(struct pp_agent *agent, pp_ns now, struct pp_lookup *lookup);
    bool (*fresh)(const struct pp_agent *agent, pp_ns now, const struct pp_id *id);
    pp_ns (*rto)(const struct pp_agent *agent, const struct pp_id *id);
    /* Given up before, so to be asked only when members of the answer name it. May be NULL. */
    bool (*doubted)(const struct pp_agent *agent, pp_ns now, const struct pp_id *id);
    /* Without root: how far a peer's id is on the way to the key (0: not at all); until one says
     * "complete", whoever is ahead of all that answered is asked first, one at a time. May be
     * NULL. */
    unsigned (*ahead)(const struct pp_id *key, const struct pp_id *id);
    /* With root: can this peer know the whole answer? If not, its "complete" is a referral. May be
     * NULL. */
    bool (*may_know)(const struct pp_agent *agent, const struct pp_id *key, const struct pp_id *id);
    /* The key whose closest follow `last` in the answer; false: nothing does. */
    bool (*extend)(const struct pp_lookup *lookup, const struct pp_id *last, struct pp_id *key);
    /* Without `root`: the k closest known have answered; can nobody nearer be hidden? false: a few
     * more are asked, the nearest first. May be NULL. */
    bool (*closed)(const struct pp_agent *agent, const struct pp_lookup *lookup);
    /* The same when it is ourselves: offers what follows from the own tables. */
    void (*extend_own)(struct pp_agent *agent, pp_ns now, struct pp_lookup *lookup);
    /* Mean gap of the n nearest to a key, in 2^-64 of the space: how far the last lies from the key
     * is n gaps. NULL: not known. */
    uint64_t (*spacing)(const struct pp_agent *agent, const struct pp_id *key,
                        const struct pp_peer *peers, size_t n);
    /* The same where not ids tell it, but what the peers said with themselves. */
    uint64_t (*spacing_told)(const struct pp_lookup *lookup);
    void (*late)(struct pp_agent *agent, pp_ns now, const struct pp_peer *peer);
    void (*dead)(struct pp_agent *agent, pp_ns now, const struct pp_peer *peer);
};

struct pp_lookup_request {
    const struct pp_id *key;
    unsigned k, paths, flags;
    uint64_t token;
    pp_lookup_fn *done;
    const struct pp_peer *seeds; /* instead of the own tables; ids may be zero */
    size_t n_seeds;
};

/* ! PP_BUSY, PP_OFFLINE (nobody to ask), PP_NOMEM */
int pp_lookup_start(struct pp_agent *agent, pp_ns now, const struct pp_lookup_request *request);
/* For `seed`: a peer of the own tables, or of the answer when `result`. */
void pp_lookup_seed(struct pp_agent *agent, pp_ns now, struct pp_lookup *lookup,
                    const struct pp_peer *peer, const uint8_t *extra, bool result);
/* The same for many without extra octets. */
void pp_lookup_seed_all(struct pp_agent *agent, pp_ns now, struct pp_lookup *lookup,
                        const struct pp_peer *peers, size_t n, bool result);
/* Ends the host's look-up of that token without a word. */
void pp_lookup_cancel(struct pp_agent *agent, uint64_t token);
/* Ends all that run, with this code and reason. */
void pp_lookup_fail_all(struct pp_agent *agent, int code, const char *reason);
void pp_lookup_free_all(struct pp_agent *agent);

/* Deadline of the oldest. */
pp_ns pp_lookup_deadline(const struct pp_agent *agent);
/* Gives up what is overdue. */
void pp_lookup_tick(struct pp_agent *agent, pp_ns now);
/* Tells what has ended; to be called last in receive, tick, meet, leave. */
void pp_lookup_settle(struct pp_agent *agent, pp_ns now);

/* ---- between the files of the engine ---- */

/* What a request was for: the high half of its tag; the low half is the peer's serial. */
enum pp_lookup_purpose { PP_LOOKUP_ROUTE = 1, PP_LOOKUP_PING = 2, PP_LOOKUP_MORE = 3 };

/* lookup_route.c. Asks whoever is next, or ends it. */
void pp_lookup_advance(struct pp_agent *agent, pp_ns now, struct pp_lookup *lookup);
void pp_lookup_ask(struct pp_agent *agent, pp_ns now, struct pp_lookup *lookup,
                   struct pp_lookup_peer *who, enum pp_lookup_purpose purpose,
                   const struct pp_find *find);
/* lookup.c. The second is told what befell a request. */
void pp_lookup_finish(struct pp_agent *agent, struct pp_lookup *lookup, int code,
                      const char *reason);
pp_rpc_fn pp_lookup_on_answer;

/* lookup_list.c: the list of a look-up. */
struct pp_lookup_peer *pp_lookup_offer(struct pp_agent *agent, struct pp_lookup *lookup,
                                       const struct pp_peer *peer, const uint8_t *extra);
/* A peer's extra octets as told anew: by itself (`own`), and then nothing else counts, or by
 * another before it has answered, and then whatever is nearer. Its place may change. */
void pp_lookup_renew(struct pp_agent *agent, struct pp_lookup *lookup, struct pp_lookup_peer *who,
                     const uint8_t *extra, bool own);
struct pp_lookup_peer *pp_lookup_by_serial(struct pp_lookup *lookup, uint16_t serial);
/* Puts the node's proved identity in; its place may change. */
struct pp_lookup_peer *pp_lookup_identify(struct pp_agent *agent, struct pp_lookup *lookup,
                                          struct pp_lookup_peer *who, const struct pp_peer *proved);
struct pp_lookup_peer *pp_lookup_best_new(const struct pp_agent *agent, struct pp_lookup *lookup,
                                          unsigned path);
/* Fills peers (cap PP_K_MAX) with the confirmed answer in order; returns how many. */
size_t pp_lookup_answer(const struct pp_lookup *lookup, struct pp_peer *peers);
size_t pp_lookup_trace(struct pp_lookup *lookup, struct pp_peer *path, size_t cap);
/* May it stand in the answer? */
bool pp_lookup_counts(const struct pp_lookup_peer *who);
/* Three datagrams may be lost while their peer lives: one whom another has named may be tried once
 * more, at its new endpoint if it is said to have moved. A client does not wait so long: somebody
 * sits before it, and what it asks for lies on the others too. */
bool pp_lookup_revive(const struct pp_lookup *l, struct pp_lookup_peer *who);
/* All of the window have answered. Whoever did not, though one of them names it, is asked again
 * before the answer does without it; those whom only strangers farther off name are let go. */
bool pp_lookup_second_round(struct pp_lookup *l, unsigned path);
/* How far ahead the best peer of the path in such a state is, as the substrate sees it. */
unsigned pp_lookup_farthest(const struct pp_agent *agent, struct pp_lookup *l, unsigned path,
                            enum pp_ask_state state, struct pp_lookup_peer **best);
/* For `spacing`, where peers follow a key clockwise. */
uint64_t pp_lookup_ring_spacing(const struct pp_agent *agent, const struct pp_id *key,
                                const struct pp_peer *peers, size_t n);
/* The nearest to the key of all who name a peer: if it lives, its neighbours know. */
void pp_lookup_note_voucher(struct pp_lookup *l, struct pp_lookup_peer *who, uint16_t teller);

#endif
