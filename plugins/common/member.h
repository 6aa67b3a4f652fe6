/*
 * The life that every substrate's node leads around its tables: out, seeking its place, entering,
 * member, leaving, gone; meeting contacts, joining through a look-up of its own id, trying again,
 * merging with strangers, pinging those it was told of before it believes in them, telling its
 * state. The tables, the steps of entering and the upkeep are the substrate's (struct
 * pp_member_ops). Its struct pp_substrate_node begins with a struct pp_member.
 */
#ifndef PP_COMMON_MEMBER_H
#define PP_COMMON_MEMBER_H

#include <common/cache.h>
#include <common/lookup.h>
#include <common/tables.h>

#define PP_MEMBER_PINGING_MAX 32
#define PP_MEET_MAX 64

enum pp_phase {
    PP_PHASE_OUT,    /* not told to join yet, or nobody answered */
    PP_PHASE_SEEK,   /* looking up its own id */
    PP_PHASE_ENTER,  /* the substrate's own steps */
    PP_PHASE_MEMBER, /* active */
    PP_PHASE_LEAVING,
    PP_PHASE_LEFT
};

struct pp_member {
    struct pp_agent a; /* first */
    const struct pp_member_ops *ops;
    struct pp_candidates candidates;
    struct pp_quarantine quarantine;
    pp_ns retry_at, until;
    pp_ns trouble_until; /* somebody died lately: others may have */
    pp_ns sample;        /* round trip of the reply being handled, 0: none; for `learn` */
    uint16_t pinging;
    uint8_t phase, state, told, retries; /* enum pp_phase, enum pp_state */
    uint8_t seek_k;                      /* as in the ops, unless `create` sets another */
    bool client, merging;
    bool knew; /* who asks us now stood in our tables before it asked */
};

/* A request of one kind. */
typedef void pp_request_fn(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                           const struct pp_header *header, struct pp_reader *body);

struct pp_member_ops {
    /* The tables where they are sorted lists: then PP_TABLES_OPS serve below, and all entries of a
     * peer are kept up to date. NULL: it has one at most, which `entry` gives. */
    size_t (*tables)(const struct pp_member *m, struct pp_table out[PP_TABLES_MAX]);
    /* What is known of a peer in any table, or NULL. */
    struct pp_entry *(*entry)(const struct pp_member *m, const struct pp_id *id);
    /* Would it find a place? Only then is a peer that we were told of asked. */
    bool (*wanted)(const struct pp_member *m, const struct pp_id *id, uint32_t tag);
    /* An active peer spoke to us: into the tables where it belongs. tag: why it was pinged. */
    void (*learn)(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag);
    /* Out of the tables: dead, gone, or no longer active. */
    void (*forget)(struct pp_member *m, pp_ns now, const struct pp_id *id);
    /* A reply is overdue: its entries are marked; what else? May be NULL. */
    void (*suspected)(struct pp_member *m, pp_ns now, const struct pp_id *id);
    /* How many peers the tables hold. */
    size_t (*known)(const struct pp_member *m);
    /* Up to `cap` of them: for moving and for seeking again without contacts. */
    size_t (*peers)(const struct pp_member *m, struct pp_peer *out, size_t cap);
    unsigned patience; /* tries before one that stands in the tables is dead; 0: PP_RPC_TRIES */
    unsigned seek_k;   /* how wide the own id is looked up */
    /* What is looked up to merge with strangers; NULL: the own id, or just behind it (in_place). */
    void (*place_key)(const struct pp_member *m, struct pp_id *key);
    /* Before merging, the first node behind our own id is looked up: is it as we have it? Then that
     * was all. NULL: not asked. */
    bool (*in_place)(const struct pp_member *m, const struct pp_id *first);
    /* The request that goes out in a PING's place, and its reply; both NULL: a PING. */
    void (*greet)(struct pp_member *m, const struct pp_peer *to, struct pp_writer *w);
    void (*greeted)(struct pp_member *m, pp_ns now, struct pp_answer *answer);
    /* Our place was found (peers closest first, at least one, none of them us): take the next
     * step, and in the end call pp_member_activate or pp_member_retry. */
    void (*place)(struct pp_member *m, pp_ns now, const struct pp_result *result);
    /* Just became active. */
    void (*activated)(struct pp_member *m, pp_ns now);
    /* Our place as strangers see it; may be NULL: each peer is learnt. */
    void (*merged)(struct pp_member *m, pp_ns now, const struct pp_result *result);
    /* Requests by their kind, n_on of them, NULL where there is none: FIND and PING from whomever,
     * the substrate's own from proved peers alone. Not called once left, nor for a client. */
    pp_request_fn *const *on;
    size_t n_on;
    void (*tick)(struct pp_member *m, pp_ns now);
    pp_ns (*next)(const struct pp_member *m);
    /* No ping is out any more; may be NULL. */
    void (*settled)(struct pp_member *m, pp_ns now);
    /* Says goodbye to whom it concerns; false: it needs no answers, so we are gone at once. */
    bool (*goodbye)(struct pp_member *m, pp_ns now);
    void (*free)(struct pp_member *m); /* the tables */
};

void pp_member_init(struct pp_member *m, const struct pp_member_ops *ops,
                    const struct pp_lookup_ops *lookup_ops, const struct pp_substrate_host *host,
                    void *ctx, enum pp_role role, const struct pp_peer *self,
                    const uint8_t seed[16]);
/* A substrate's node of `size` octets, zeroed, whose first member is this one. NULL: no memory. */
void *pp_member_new(size_t size, const struct pp_member_ops *ops,
                    const struct pp_lookup_ops *lookup_ops, const struct pp_substrate_host *host,
                    void *ctx, enum pp_role role, const struct pp_peer *self,
                    const uint8_t seed[16]);
void pp_member_set_state(struct pp_member *m, enum pp_state state);
/* Active from now on: says so to everybody it knows. */
void pp_member_activate(struct pp_member *m, pp_ns now);
/* Entering failed: once more, later, through the peers met meanwhile. */
void pp_member_retry(struct pp_member *m, pp_ns now);
/* Looks for a place to join through these (n = 0: through those we know). */
void pp_member_seek(struct pp_member *m, pp_ns now, const struct pp_peer *seeds, size_t n);
/* For goodbye: sends this request and awaits the answer; after the last one we have left. */
void pp_member_part(struct pp_member *m, pp_ns now, const struct pp_peer *from,
                    const struct pp_writer *w);
/* Its place was lost: no member any more, and enters anew. */
void pp_member_rejoin(struct pp_member *m, pp_ns now);
/* Left at last: after goodbye's answers. */
void pp_member_left(struct pp_member *m);

/* Told of a peer by `teller`: pinged when it is wanted, plausible and not in quarantine. */
void pp_member_candidate(struct pp_member *m, pp_ns now, const struct pp_peer *peer,
                         const struct pp_peer *teller, uint32_t tag);
/* Whoever a look-up has found, for each has answered it. */
void pp_member_learn_all(struct pp_member *m, pp_ns now, const struct pp_result *result);
/* All of a page. */
void pp_member_candidates(struct pp_member *m, pp_ns now, const struct pp_page *page,
                          const struct pp_peer *teller, uint32_t tag);
void pp_member_ping(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag);
void pp_member_pump(struct pp_member *m, pp_ns now);
/* Looks for our place through strangers (or, n = 0, through our own tables). */
void pp_member_merge(struct pp_member *m, pp_ns now, const struct pp_peer *via, size_t n);
/* All entries of a peer; returns how many. */
size_t pp_member_entries(const struct pp_member *m, const struct pp_id *id,
                         struct pp_entry *out[PP_TABLES_MAX]);
void pp_member_late(struct pp_member *m, const struct pp_id *id);
void pp_member_dead(struct pp_member *m, pp_ns now, const struct pp_id *id);
/* No answer from this endpoint: dead, unless it is known to have moved meanwhile. */
void pp_member_silent(struct pp_member *m, pp_ns now, const struct pp_peer *peer);
/* What befell a request of the substrate's own: an overdue one is a suspicion, an unanswered one a
 * death. true: there is an answer to read. */
bool pp_member_answered(struct pp_member *m, pp_ns now, const struct pp_answer *answer);
pp_ns pp_member_rto(const struct pp_member *m, const struct pp_id *id);

/* One datagram of this kind without content to everybody that `peers` names, no answer awaited. */
void pp_member_tell_all(struct pp_member *m, uint8_t kind);
/* Sends a request of the substrate's own; `done` hears of it, best through pp_member_answered. */
bool pp_member_ask(struct pp_member *m, pp_ns now, const struct pp_peer *to,
                   const struct pp_writer *w, pp_rpc_fn *done, uint32_t tag);
/* Asks a peer whom it knows near a key; those named become candidates. */
void pp_member_ask_near(struct pp_member *m, pp_ns now, const struct pp_peer *to,
                        const struct pp_id *key);
/* Answers with an octet and a page of peers from index `from` on, as FIND is answered. */
void pp_member_list(struct pp_member *m, const struct pp_rx *rx, const struct pp_header *header,
                    uint8_t octet, const struct pp_peer *peers, size_t n, size_t from);
/* A PING that names nobody; a LEAVE without content. For the table of requests. */
pp_request_fn pp_member_on_ping, pp_member_on_leave;
/* Answers a PING; nearer: a peer that stands nearer to its key than we do, or NULL. */
void pp_member_pong(struct pp_member *m, const struct pp_rx *rx, const struct pp_header *header,
                    const struct pp_peer *nearer, const uint8_t *extra, size_t extra_len);
/* The same with the n nearest of several, so that one is alive. */
void pp_member_pong_with(struct pp_member *m, const struct pp_rx *rx,
                         const struct pp_header *header, const struct pp_peer *nearer, size_t n,
                         const uint8_t *extra, size_t extra_len);

/* The same for all in struct pp_lookup_ops. */
bool pp_member_fresh(const struct pp_agent *a, pp_ns now, const struct pp_id *id);
pp_ns pp_member_ask_rto(const struct pp_agent *a, const struct pp_id *id);
bool pp_member_doubted(const struct pp_agent *a, pp_ns now, const struct pp_id *id);
void pp_member_ask_late(struct pp_agent *a, pp_ns now, const struct pp_peer *peer);
void pp_member_ask_dead(struct pp_agent *a, pp_ns now, const struct pp_peer *peer);
#define PP_MEMBER_LOOKUP_OPS                                                                       \
    .fresh = pp_member_fresh, .doubted = pp_member_doubted, .rto = pp_member_ask_rto,              \
    .late = pp_member_ask_late, .dead = pp_member_ask_dead

/* In the ops: a table of requests. */
#define PP_MEMBER_REQUESTS(table) .on = table, .n_on = sizeof table / sizeof *table

/* For the descriptor's `open`: a copy of the parsed options. ! PP_NOMEM */
int pp_net_keep(struct pp_net **net, const void *options, size_t len, const char *name,
                struct pp_error *error);
void pp_net_drop(struct pp_net *net);

/* Entries of the descriptor that are the same for all. */
void pp_member_destroy(struct pp_substrate_node *n);
void pp_member_meet(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *contacts,
                    size_t k);
void pp_member_move(struct pp_substrate_node *n, pp_ns now, const struct pp_peer *self);
void pp_member_leave(struct pp_substrate_node *n, pp_ns now, pp_ns until);
void pp_member_receive(struct pp_substrate_node *n, pp_ns now, const struct pp_rx *rx,
                       struct pp_bytes payload);
void pp_member_tick(struct pp_substrate_node *n, pp_ns now);
pp_ns pp_member_next(const struct pp_substrate_node *n);
int pp_member_lookup(struct pp_substrate_node *n, pp_ns now, const struct pp_id *key, unsigned k,
                     unsigned paths, unsigned flags, uint64_t token);
void pp_member_cancel(struct pp_substrate_node *n, uint64_t token);
#define PP_MEMBER_PLUGIN(name_, options_)                                                          \
    .plugin = {.abi = PP_SUBSTRATE_ABI,                                                            \
               .kind = PP_KIND_SUBSTRATE,                                                          \
               .name = name_,                                                                      \
               .version = "1",                                                                     \
               .options = options_,                                                                \
               .n_options = sizeof options_ / sizeof *options_}
/* How a network is opened and closed and a node of it made. */
#define PP_MEMBER_SUBSTRATE(name_, wire_, options_, open_, create_)                                \
    PP_MEMBER_PLUGIN(name_, options_), .wire = wire_, .open = open_, .close = pp_net_drop,         \
                                       .create = create_
/* What a substrate says of its own order and tables, by functions of its own name. */
#define PP_MEMBER_ORDER(name_)                                                                     \
    .covers = name_##_covers, .rank = name_##_rank, .snapshot = name_##_snapshot,                  \
    .check = name_##_check, .arrange = name_##_arrange
#define PP_MEMBER_FUNCTIONS                                                                        \
    .destroy = pp_member_destroy, .meet = pp_member_meet, .move = pp_member_move,                  \
    .leave = pp_member_leave, .receive = pp_member_receive, .tick = pp_member_tick,                \
    .next = pp_member_next, .lookup = pp_member_lookup, .cancel = pp_member_cancel

#endif
