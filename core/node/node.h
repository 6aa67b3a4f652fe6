/*
 * The system node's logic: the five primitives and HEAD of Kangasharju et al. 2003 (section 2.2),
 * certificate sets, permission, quotas, lives, LRU and the collector (2.3), over any store. It sees
 * no socket, HTTP parser, TLS, thread or clock: a host hands it requests and carries its answers,
 * its writes (ops) and its signature checks.
 *
 * Rules
 * - `now` comes with every entry. Host calls return at once and never re-enter; no answer before
 *   the asking call returned.
 * - The host ends every request with `end` or `drop`, also one that was answered early. It is the
 *   host's memory until the node calls `release`, once and last, when no op or check of it is out;
 *   that happens inside `end`, `pull`, `drop`, `verified`, `done` or `tick`, never inside `begin`,
 *   `part` or `body`. `answer` may come inside any of them.
 * - Ops lie in the request or in the node and are the writer's from `submit` until `done`. `apply`
 *   runs on the writer's thread, touches op and batch only, decides there, and may run again (a
 *   failed batch is redone op by op). `done` comes on the node's thread after the commit; only then
 *   leaves a 2xx.
 */
#ifndef PP_NODE_NODE_H
#define PP_NODE_NODE_H

#include <peerpost/store.h>
#include <peerpost/substrate.h>
#include <trust/authority.h>
#include <trust/signature.h>

struct pp_node;
struct pp_op;

enum pp_primitive {
    PP_STORE,        /* PUT /<identifier> */
    PP_FETCH,        /* GET */
    PP_DELETE,       /* DELETE, signed */
    PP_APPEND_INBOX, /* PUT, Pragma: append-inbox */
    PP_READ_INBOX,   /* GET, Pragma: read-inbox, signed */
    PP_STATUS        /* HEAD */
};

enum pp_part { PP_PART_CERTIFICATES, PP_PART_OBJECT };

struct pp_batch_mark { /* Peerpost-Batch, Peerpost-Confirm: epoch:seq */
    uint8_t epoch[16];
    uint64_t seq;
};

/* One request as the host parsed it. Syntax is the host's (400 by itself); meaning the node's. */
struct pp_node_request {
    enum pp_primitive primitive;
    struct pp_bytes identifier; /* decoded once; an address for inbox primitives */
    struct pp_name name;        /* SHA-256 of it */
    int64_t length;             /* declared octets of the body, multipart overhead in; -1 unknown */
    bool has_life, has_copies, has_keyid, has_confirm, has_work;
    uint64_t life; /* seconds */
    uint32_t wait; /* Prefer: wait=SECONDS; 0: none */
    uint32_t copies;
    uint8_t keyid[32];
    struct pp_batch_mark confirm;
    unsigned work_bits; /* Peerpost-Work: d=BITS;s=SALT */
    struct pp_bytes work_salt;
    struct pp_bytes certificate;       /* DER of Peerpost-Certificate, or empty */
    const struct pp_signed *signature; /* NULL: unsigned */
    uint8_t source[16];                /* zero for a unix socket */
    bool source_exempt;                /* limits.exempt holds it */
    bool peer_is_node;                 /* TLS client with a chained node certificate .. */
    struct pp_id peer;                 /* .. of this id */
    void *host;                        /* the host's, untouched */
    void *node;                        /* the node's, NULL at begin */
};

/* What `verify` checks on another thread with pp_check_run: is this a certificate, not revoked;
 * does it chain (when asked); is the request signed by its key (when it is signed)? */
struct pp_check {
    const struct pp_signed *signature; /* NULL: the certificate alone */
    struct pp_bytes certificate;       /* DER; the node's until `verified` */
    struct pp_authority *authority;
    bool chain;                    /* it must chain as an address certificate .. */
    pp_ns wall;                    /* .. that is valid now */
    int code;                      /* out: 0, PP_MALFORMED, PP_UNTRUSTED, PP_EXPIRED, PP_REVOKED,
                                      PP_SIGNATURE */
    struct pp_certificate *parsed; /* out: owned by the check, or NULL */
};
/* Thread-safe; runs anywhere. Returns whether all is well (code 0). */
bool pp_check_run(struct pp_check *check);

struct pp_op {
    /* On the writer's thread. 0 or negative; PP_FULL and PP_BROKEN are the batch's. Must leave the
     * batch as it found it when it returns an error other than PP_BROKEN. */
    int (*apply)(struct pp_op *op, struct pp_batch *batch);
    struct pp_op *next; /* the host's queue */
    size_t weight;      /* octets it writes: a batch closes at 64 ops or 1 MiB */
    void *node;         /* the node's */
    int status;         /* the host keeps apply's or commit's answer here */
};

struct pp_answer_field {
    const char *name;
    const char *value;
};

struct pp_node_host {
    /* length -1: unknown. fields lent. A body follows through emit unless length is 0 or the
     * primitive is PP_STATUS. Errors: the node gives an application/problem+json body. */
    void (*answer)(struct pp_node_request *r, int status, const struct pp_answer_field *fields,
                   size_t n, int64_t length);
    /* Octets the host took (written or copied, at most 256 KiB kept); fewer: `pull` comes. */
    size_t (*emit)(struct pp_node_request *r, const struct pp_spans *spans);
    void (*finish)(struct pp_node_request *r); /* the answer's body is whole */
    void (*cut)(struct pp_node_request *r);    /* it cannot be: the reader must see it incomplete */
    void (*resume)(struct pp_node_request *r); /* body() takes again */
    void (*release)(struct pp_node_request *r);
    /* ! PP_BUSY: 503. Else `pp_node_verified` later. check lives until then. */
    int (*verify)(struct pp_node_request *r, struct pp_check *check);
    void (*submit)(void *ctx, struct pp_op *op); /* in order */
    enum pp_covers (*covers)(void *ctx, const struct pp_id *key, unsigned k);
    /* Look-up for the collector and publish; ! PP_BUSY, PP_OFFLINE. `pp_node_found` later. */
    int (*lookup)(void *ctx, const struct pp_id *key, unsigned k, uint64_t token);
    void (*cancel)(void *ctx, uint64_t token);
    void (*log)(void *ctx, int level, const char *text);
    void (*crash)(void *ctx, const char *point); /* crash points; NULL: none */
};

struct pp_node_config {
    unsigned k;
    struct pp_id self;
    struct pp_authority *authority;        /* borrowed */
    pp_ns max_life, life;                  /* collector.max_life 60 d, default life 30 d */
    pp_ns grace, period;                   /* collector.grace 14 d, collector.period 1 h */
    uint64_t object_max, notification_max; /* 72 MiB, 32 KiB */
    uint32_t inbox_entries;                /* 8,192 */
    uint64_t inbox_octets;                 /* 32 MiB */
    uint32_t members_max;                  /* 1,024 */
    uint64_t set_octets;                   /* 2 MiB */
    unsigned appends, stores, fetches;     /* a minute a source: 60, 60, 600; burst twice */
    unsigned proved_factor;                /* 20: a certificate's bucket against a source's */
    uint64_t day_octets, day_objects;      /* stored by a source a day: 1 GiB, 10,000 */
    unsigned checks_all, checks_source;    /* signature checks a second: 5,000, 500 */
    uint64_t uploads_all, uploads_source;  /* octets reserved: 2 GiB, 256 MiB */
    uint64_t tombstones;                   /* 1,000,000 */
    unsigned sources;                      /* source table: 65,536 */
    size_t replay_entries, replay_per_key; /* 65,536, 1,024 */
    size_t buffers;                        /* octets of pieces in memory, all uploads: 64 MiB */
    pp_ns wait;                            /* longest wait of a reader: 25 s; 0: none */
    unsigned waiting, waiting_inbox;       /* readers that wait, all and of an address: 1,024, 8 */
};
void pp_node_config_default(struct pp_node_config *config);

/* The store is borrowed and open. NULL: no memory. */
struct pp_node *pp_node_create(const struct pp_node_config *config,
                               const struct pp_store_plugin *plugin, struct pp_store *store,
                               const struct pp_node_host *host, void *ctx, struct pp_now now);
/* The crash: no op or request may be out (the host aborted them); nothing is said or written. */
void pp_node_destroy(struct pp_node *node);
void pp_node_tick(struct pp_node *node, struct pp_now now);
pp_ns pp_node_next(const struct pp_node *node); /* mono */

void pp_node_begin(struct pp_node *node, struct pp_now now, struct pp_node_request *r);
/* Which part the octets of `body` belong to from here. Append has no parts. */
void pp_node_part(struct pp_node *node, struct pp_node_request *r, enum pp_part part);
/* Octets taken; fewer than given: the host stops reading until `resume`. */
size_t pp_node_body(struct pp_node *node, struct pp_node_request *r, struct pp_now now,
                    struct pp_bytes bytes);
/* The body is whole and its Content-Digest, if any, right. */
void pp_node_end(struct pp_node *node, struct pp_node_request *r, struct pp_now now);
void pp_node_pull(struct pp_node *node, struct pp_node_request *r, struct pp_now now);
/* The peer went, ran out of time or broke the protocol: no answer is possible any more. */
void pp_node_drop(struct pp_node *node, struct pp_node_request *r, struct pp_now now);
void pp_node_verified(struct pp_node *node, struct pp_node_request *r, struct pp_now now, bool ok);
void pp_node_found(struct pp_node *node, struct pp_now now, uint64_t token,
                   const struct pp_result *result);
/* status: 0 or what apply or commit said. */
void pp_node_done(struct pp_node *node, struct pp_op *op, struct pp_now now, int status);

struct pp_node_counts {
    uint64_t answered[6][6]; /* primitive x status class (index 1..5) */
    uint64_t collected_expired, collected_foreign, collected_pressure, collector_runs;
    uint64_t collected_octets, kept_due;
    uint64_t refused_rate, refused_full, refused_work;
    /* readers who waited: a notification came, their time was over, too many waited */
    uint64_t waits_woken, waits_over, waits_crowded;
    uint64_t waiting; /* now */
};
void pp_node_counts(const struct pp_node *node, struct pp_node_counts *out);
/* The end is near: answers all readers who wait, and from now on nobody waits. */
void pp_node_end_waiting(struct pp_node *node, struct pp_now now);
/* Starts a collector run at the next tick (admin, tests). */
void pp_node_collect(struct pp_node *node, struct pp_now now);

#endif
